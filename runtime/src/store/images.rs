use super::StoreError;
use super::database_file::{DatabaseFolder, in_use};
use std::path::Path;

/// The images of the tenants in the database at `path`, by the digests of their configurations (`sha256:…`), sorted; none where there
/// is no database.
///
/// The service may be running or not. The query holds for every schema.
pub fn images(path: &Path) -> Result<Vec<String>, StoreError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    // Locked until the function returns, so that the file is not replaced meanwhile.
    let folder = DatabaseFolder::lock(path)?;
    if folder.schema()?.is_none_or(|schema| schema == 0) {
        return Ok(Vec::new());
    }
    let read = || -> Result<Vec<String>, rusqlite::Error> {
        let connection = folder.open()?;
        let mut query = connection.prepare("SELECT DISTINCT imageConfig FROM environments ORDER BY imageConfig")?;
        query.query_map([], |row| row.get(0))?.collect()
    };
    read().map_err(in_use(path))
}
