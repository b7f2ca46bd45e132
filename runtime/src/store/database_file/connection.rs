//! Connections to a database file.

use crate::store::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long to wait for another program that uses the database, such as one that takes a snapshot.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two attempts where SQLite does not wait by itself.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Connects to a database that exists.
pub(in crate::store) fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    // Without SQLITE_OPEN_CREATE: a database that is missing must not come into being as an empty one.
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// The number of an open database's schema.
pub(in crate::store) fn schema_of(connection: &Connection) -> Result<u32, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Turns SQLite's errors about locks into [`StoreError::InUse`].
pub(in crate::store) fn in_use(path: &Path) -> impl FnOnce(rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    |error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { path },
        _ => error.into(),
    }
}
