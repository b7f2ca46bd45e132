use super::StoreError;
use super::files::{Files, in_use};
use std::path::Path;

/// The images that the tenants in the database at `path` are made from, by their configurations' digests (`sha256:…`), sorted; none
/// where there is no database.
///
/// The service may be running or not. Whatever the schema, the tenants' table is asked as it is.
pub fn images(path: &Path) -> Result<Vec<String>, StoreError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    // Locked to the end, so that the file is not replaced meanwhile.
    let files = Files::lock(path)?;
    if files.schema()?.is_none_or(|schema| schema == 0) {
        return Ok(Vec::new());
    }
    let read = || -> Result<Vec<String>, rusqlite::Error> {
        let connection = files.open()?;
        let mut query = connection.prepare("SELECT DISTINCT imageConfig FROM environments ORDER BY imageConfig")?;
        query.query_map([], |row| row.get(0))?.collect()
    };
    read().map_err(in_use(path))
}
