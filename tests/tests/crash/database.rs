//! The database of a host: small, real, and with rows that must not be lost.

use crate::fixtures::Fixtures;
use anyhow::{Context as _, Result};
use landfall_tests::Command;
use landfall_tests::next::{COLUMN, TABLE};
use rusqlite::Connection;
use serde_json::Value;
use std::path::Path;

/// The folder of the database, relative to a host's root.
pub(crate) const FOLDER: &str = "var/lib/landfall/db/";

/// Two organizations and three tenants.
const ROWS: &str = "
    INSERT INTO organizations (name, createdAt) VALUES ('second', '2026-11-22T00:00:00Z');
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 3)
    INSERT INTO environments (orgId, name, containerName, port, subnet, apiKeyNonce, apiKeyHash, imageName, imageConfig,
                              imageDiffIds, imageTenant, createdAt, updatedAt)
    SELECT 1 + n % 2, 'tenant ' || n, 'convergence-tenant-' || n, 3000 + n, '10.213.0.' || 8 * n || '/29', x'00ff', 'hash ' || n,
           'hello', 'sha256:' || n, '[]', '{\"language\":\"rust\",\"port\":3000,\"health\":\"/health\"}', '2026-11-22T00:00:00Z', '2026-11-22T00:00:00Z' FROM numbers";

/// Gives the host a database of its release's schema, with rows.
pub(crate) fn fill(root: &Path) -> Result<()> {
    let program = root.join("opt/landfall/current/bin/landfall");
    Command::new(program).arg("--root").arg(root).arg("migrate").ok().context("make the database")?;
    let database = Connection::open(root.join(FOLDER).join("landfall.db"))?;
    database.execute_batch(ROWS).context("fill the database")
}

/// Writes what only the next release's schema holds, into the database that its update has migrated.
pub(crate) fn mark(root: &Path) -> Result<()> {
    let database = Connection::open(root.join(FOLDER).join("landfall.db"))?;
    let rows = format!(
        "UPDATE environments SET {COLUMN} = 'precious'; INSERT INTO {TABLE} (envId) SELECT id FROM environments"
    );
    database.execute_batch(&rows).context("mark the tenants")
}

/// All rows of the host's database, if it has one. A copy is read: reading leaves traces.
pub(crate) fn dump(root: &Path) -> Result<Option<Value>> {
    let folder = root.join(FOLDER);
    if !folder.join("landfall.db").exists() {
        return Ok(None);
    }
    let copy = tempfile::tempdir()?;
    for name in ["landfall.db", "landfall.db-wal"].into_iter().filter(|name| folder.join(name).exists()) {
        std::fs::copy(folder.join(name), copy.path().join(name))?;
    }
    let host_probe = Fixtures::shared()?.programs.host_probe()?;
    let printed = Command::new(host_probe).arg("dump").arg(copy.path().join("landfall.db")).ok()?;
    Ok(Some(serde_json::from_str(&printed)?))
}
