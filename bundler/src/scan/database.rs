//! A folder of advisories.

use super::components::Components;
use super::matching::{Finding, findings};
use super::osv;
use crate::regular;
use std::io;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// An advisory, in bytes: the largest ones list some thousands of versions.
const ADVISORY_BYTES: u64 = 8 << 20;

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no advisory in OSV's form", path.display())]
    Advisory { path: PathBuf, source: serde_json::Error },
    #[error("{} has no advisories: no file there is called NAME.json", path.display())]
    Empty { path: PathBuf },
}

/// What an advisory finds among packages.
pub(crate) fn parse(json: &[u8], components: &Components) -> Result<Vec<Finding>, serde_json::Error> {
    Ok(findings(&osv::read(json)?, components))
}

/// What the advisories in a folder, and in those below it, find among packages; and how many advisories there are.
pub(crate) fn scan(folder: &Path, components: &Components) -> Result<(Vec<Finding>, usize), DatabaseError> {
    let (mut found, mut advisories) = (Vec::new(), 0);
    for entry in WalkDir::new(folder).follow_root_links(true) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_owned();
            DatabaseError::Read { path, source: error.into() }
        })?;
        let path = entry.path();
        if !entry.file_type().is_file() || path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json = regular::read(path, ADVISORY_BYTES);
        let json = json.map_err(|source| DatabaseError::Read { path: path.to_owned(), source })?;
        let matched = parse(&json, components);
        found.extend(matched.map_err(|source| DatabaseError::Advisory { path: path.to_owned(), source })?);
        advisories += 1;
    }
    if advisories == 0 {
        return Err(DatabaseError::Empty { path: folder.to_owned() });
    }
    // The worst first.
    found.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    found.dedup();
    Ok((found, advisories))
}
