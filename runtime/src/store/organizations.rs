use super::{Store, StoreError, now};
use crate::identity::{Name, OrgId};
use rusqlite::{ErrorCode, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

/// An organization, which owns tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Its number.
    pub id: OrgId,
    /// Its unique name.
    pub name: String,
    /// Its plan, `free` by default.
    pub plan: String,
    /// When it was created, RFC 3339 in UTC.
    pub created_at: String,
}

const COLUMNS: &str = "id, name, plan, createdAt";

fn read(row: &Row<'_>) -> rusqlite::Result<Organization> {
    Ok(Organization { id: OrgId(row.get(0)?), name: row.get(1)?, plan: row.get(2)?, created_at: row.get(3)? })
}

impl Store {
    /// Creates an organization. Fails with [`StoreError::NameTaken`] where the name is in use.
    pub async fn create_organization(&self, name: Name, plan: String) -> Result<Organization, StoreError> {
        self.run(move |connection| {
            let sql =
                format!("INSERT INTO organizations (name, plan, createdAt) VALUES (?1, ?2, ?3) RETURNING {COLUMNS}");
            // A returned row is not on the disk yet: a full disk is only noticed at the commit.
            let transaction = connection.transaction()?;
            let created = match transaction.query_row(&sql, params![name.as_str(), plan, now()], read) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    return Err(StoreError::NameTaken(name.into()));
                }
                other => other?,
            };
            transaction.commit()?;
            Ok(created)
        })
        .await
    }

    /// An organization, where it exists.
    pub async fn organization(&self, id: OrgId) -> Result<Option<Organization>, StoreError> {
        self.run(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM organizations WHERE id = ?1");
            Ok(connection.query_row(&sql, [id.0], read).optional()?)
        })
        .await
    }

    /// All organizations, by number.
    pub async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        self.run(|connection| {
            let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM organizations ORDER BY id"))?;
            Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Removes an organization that has no environments. Returns whether it did.
    pub async fn remove_empty_organization(&self, id: OrgId) -> Result<bool, StoreError> {
        self.run(move |connection| {
            let sql = "DELETE FROM organizations WHERE id = ?1
                       AND NOT EXISTS (SELECT 1 FROM environments WHERE orgId = ?1)";
            Ok(connection.execute(sql, [id.0])? == 1)
        })
        .await
    }
}
