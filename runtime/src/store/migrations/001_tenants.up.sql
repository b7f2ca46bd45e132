CREATE TABLE organizations (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  name      TEXT NOT NULL UNIQUE,
  plan      TEXT NOT NULL DEFAULT 'free',
  createdAt TEXT NOT NULL
) STRICT;

-- A spawn that names no organization goes to the first one.
INSERT INTO organizations (id, name, createdAt) VALUES (1, 'default', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'));

-- AUTOINCREMENT: an id names a tenant's container, network and volumes, so it is never given away twice.
CREATE TABLE environments (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  orgId         INTEGER NOT NULL REFERENCES organizations (id),
  name          TEXT NOT NULL,
  status        TEXT NOT NULL DEFAULT 'provisioning',
  desired       TEXT NOT NULL DEFAULT 'running',
  containerName TEXT UNIQUE,
  port          INTEGER NOT NULL UNIQUE,
  subnet        TEXT NOT NULL UNIQUE,
  apiKeyNonce   BLOB NOT NULL,
  apiKeyHash    TEXT NOT NULL UNIQUE,
  imageName     TEXT NOT NULL,
  imageConfig   TEXT NOT NULL,
  imageDiffIds  TEXT NOT NULL,
  imageTenant   TEXT NOT NULL, -- the image's `tenant` object of landfall.json
  createdAt     TEXT NOT NULL,
  updatedAt     TEXT NOT NULL
) STRICT;

CREATE INDEX environmentsOfOrganization ON environments (orgId);
