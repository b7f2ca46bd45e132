//! What Landfall takes of the host's disks, and what is free.

use super::Parts;
use crate::durable::{At as _, PathError};
use crate::layout::{
    DATABASE, DATABASE_FOLDER, Layout, PROGRAM_FOLDER, SET_ASIDE_SUFFIX, SNAPSHOT_SUFFIX, STORE_FOLDER,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The unit of `st_blocks`, in bytes, whatever the file system's own is (stat(2)).
const BLOCK: u64 = 512;
/// The files of the runtime's database.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct DatabaseStatus {
    /// The database with its write-ahead log, in bytes; `null` while there is none.
    pub(super) bytes: Option<u64>,
    /// Copies from before migrations, by file name, in bytes. They are removed with the releases that could use them.
    pub(super) snapshots: BTreeMap<String, u64>,
    /// Newer databases that were set aside when an older one was put back. Nothing removes them.
    pub(super) aside: BTreeMap<String, u64>,
}

/// One folder of ours.
#[derive(Debug, Serialize)]
pub(super) struct DiskStatus {
    pub(super) folder: PathBuf,
    /// What is allocated for it and all that is in it, in bytes.
    pub(super) used: u64,
    /// What is free on its file system for those who are not root, in bytes.
    pub(super) free: u64,
}

pub(super) fn database(layout: &Layout) -> Result<DatabaseStatus, PathError> {
    let mut status = DatabaseStatus::default();
    for entry in entries(&layout.database_folder())? {
        let bytes = entry.metadata().at("look at", &entry.path())?.len();
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.strip_prefix(DATABASE) {
            // The log and its index belong to the database (sqlite.org/wal.html).
            Some("" | "-wal" | "-shm") => status.bytes = Some(status.bytes.unwrap_or_default() + bytes),
            Some(rest) if rest.starts_with(SNAPSHOT_SUFFIX) => drop(status.snapshots.insert(name, bytes)),
            Some(rest) if rest.starts_with(SET_ASIDE_SUFFIX) => drop(status.aside.insert(name, bytes)),
            _ => {}
        }
    }
    Ok(status)
}

/// The folders that exist.
pub(super) fn disk(layout: &Layout, parts: &mut Parts) -> Vec<DiskStatus> {
    let mut disk = Vec::new();
    for folder in [PROGRAM_FOLDER, STORE_FOLDER, DATABASE_FOLDER] {
        let place = layout.at(folder);
        if place.is_dir() {
            disk.extend(parts.take(&format!("disk {folder}"), look_at(&place).map(Some)));
        }
    }
    disk
}

fn look_at(folder: &Path) -> Result<DiskStatus, PathError> {
    let about = rustix::fs::statvfs(folder).at("look at the file system of", folder)?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    Ok(DiskStatus { folder: folder.to_owned(), used: used(folder)?, free })
}

/// What a folder takes on the disk. No link is followed; files that are removed in the meantime are not counted.
fn used(folder: &Path) -> Result<u64, PathError> {
    let mut used = folder.metadata().at("look at", folder)?.blocks() * BLOCK;
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in entries(&folder)? {
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                other => other.at("look at", &entry.path())?,
            };
            used += metadata.blocks() * BLOCK;
            if metadata.is_dir() {
                left.push(entry.path());
            }
        }
    }
    Ok(used)
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>, PathError> {
    match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect).at("read the folder", folder),
    }
}
