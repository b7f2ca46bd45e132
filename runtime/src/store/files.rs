//! The database's folder, and which file in it is the database.
//!
//! Whoever holds the folder's lock is the only one of our programs that opens the database or changes which file it is. SQLite's own
//! locks are on the file: a program that waits for one while the file is replaced would go on with the one that was.

use super::{BUSY_TIMEOUT, RETRY, StoreError, aside};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What SQLite keeps beside a database that is in use. It belongs to that file, and must never meet another one of the same name.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The folder, locked.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    folder: File,
}

/// A database that is being made, removed again unless it is put in place.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    file: File,
}

impl Files {
    /// Locks the folder of the database at `path`, waiting a moment for another program to be done.
    pub(super) fn lock(path: &Path) -> Result<Self, StoreError> {
        let folder = File::open(folder_of(path)).map_err(failed(folder_of(path)))?;
        let start = Instant::now();
        while let Err(error) = folder.try_lock() {
            match error {
                fs::TryLockError::Error(source) => return Err(failed(folder_of(path))(source)),
                fs::TryLockError::WouldBlock if start.elapsed() < BUSY_TIMEOUT => std::thread::sleep(RETRY),
                fs::TryLockError::WouldBlock => return Err(StoreError::InUse { path: path.to_owned() }),
            }
        }
        Ok(Self { path: path.to_owned(), folder })
    }

    /// As [`lock`](Self::lock), with a folder that is made where there is none (0700), and with what a killed program left removed.
    pub(super) fn prepare(path: &Path) -> Result<Self, StoreError> {
        let folder = folder_of(path);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
        let files = Self::lock(path)?;
        files.sweep()?;
        Ok(files)
    }

    /// The database.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the database as it was with `schema` is kept, before a step away from it.
    pub(super) fn snapshot(&self, schema: u32) -> PathBuf {
        suffixed(&self.path, &format!(".schema-{schema}"))
    }

    /// Where the database is put together that is to be the next one.
    pub(super) fn partial(&self) -> PathBuf {
        self.hidden("partial")
    }

    /// Where migrations are tried out.
    pub(super) fn rehearsal(&self) -> PathBuf {
        self.hidden("rehearsal")
    }

    fn hidden(&self, what: &str) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        suffixed(&self.path.with_file_name(name), &format!(".{what}"))
    }

    /// The database's schema; none where there is no database.
    pub(super) fn schema(&self) -> Result<Option<u32>, StoreError> {
        match fs::metadata(&self.path) {
            Ok(found) if found.len() == 0 => Ok(None),
            Ok(_) => self.open().and_then(|connection| schema(&connection)).map(Some).map_err(in_use(&self.path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(&self.path)(source)),
        }
    }

    /// A connection to the database that is there.
    pub(super) fn open(&self) -> Result<Connection, rusqlite::Error> {
        open(&self.path)
    }

    /// Gives the database, which has `schema`, the snapshot's name as a second one, durably and in place of an older snapshot. The first
    /// name can then be given to another file without there being a moment with no database.
    pub(super) fn keep(&self, schema: u32) -> Result<PathBuf, StoreError> {
        let (snapshot, link) = (self.snapshot(schema), self.hidden("link"));
        fs::hard_link(&self.path, &link).map_err(failed(&link))?;
        fs::rename(&link, &snapshot).map_err(failed(&snapshot))?;
        // A file that had the name already was left alone, and so was the link (rename(2)).
        remove(&link)?;
        self.sync()?;
        Ok(snapshot)
    }

    /// As [`keep`](Self::keep), for rows that no other file may hold: the second name is one that no file has.
    pub(super) fn set_aside(&self, schema: u32) -> Result<PathBuf, StoreError> {
        let mut nth = 1;
        let name = loop {
            let name = aside::name(&self.path, schema, nth);
            match fs::hard_link(&self.path, &name) {
                Ok(()) => break name,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => nth += 1,
                Err(source) => return Err(failed(&name)(source)),
            }
        };
        self.sync()?;
        Ok(name)
    }

    /// Makes the file at `new`, whose content is on the disk, the database.
    pub(super) fn replace_with(&self, new: &Path) -> Result<(), StoreError> {
        // With the database that is replaced, they are folded in already; without one, they belong to nothing.
        remove_companions(&self.path)?;
        self.sync()?;
        fs::rename(new, &self.path).map_err(failed(&self.path))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.folder.sync_all().map_err(failed(folder_of(&self.path)))
    }

    /// Removes what a program that was killed left: files that nobody is working on, and second names of the database.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        remove_whole(&self.partial())?;
        remove(&self.hidden("link"))?;
        let rehearsal = self.rehearsal();
        if File::open(&rehearsal).is_ok_and(|file| file.try_lock().is_ok()) {
            remove_whole(&rehearsal)?;
        }
        let Ok(database) = fs::metadata(&self.path) else { return Ok(()) };
        let folder = folder_of(&self.path);
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let other = entry.map_err(failed(folder))?.path();
            let same = fs::symlink_metadata(&other)
                .is_ok_and(|found| (found.dev(), found.ino()) == (database.dev(), database.ino()));
            if same && other != self.path {
                remove(&other)?;
            }
        }
        Ok(())
    }
}

impl Scratch {
    /// An empty file (0600), locked so that nobody takes it for one that was left behind.
    pub(super) fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(StoreError::InUse { path }),
            other => other.map_err(failed(&path))?,
        };
        let scratch = Self { path, file };
        scratch.file.try_lock().map_err(|error| failed(&scratch.path)(error.into()))?;
        Ok(scratch)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes over another file's content.
    pub(super) fn fill(&self, from: &File) -> Result<(), StoreError> {
        let (mut from, mut to) = (from, &self.file);
        io::copy(&mut from, &mut to).map(drop).map_err(failed(&self.path))
    }

    /// Sees to it that the content is on the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(failed(&self.path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is swept away by the next program that opens the database.
        let _ = remove_whole(&self.path);
    }
}

/// A connection to a database that is there.
pub(super) fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path)(error)),
        _ => Ok(()),
    }
}

fn remove_companions(path: &Path) -> Result<(), StoreError> {
    COMPANIONS.iter().try_for_each(|companion| remove(&suffixed(path, companion)))
}

/// Removes a database together with its companions.
fn remove_whole(path: &Path) -> Result<(), StoreError> {
    remove_companions(path)?;
    remove(path)
}

pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::Prepare { path, source }
}

/// Names what it means when SQLite finds the database locked.
pub(super) fn in_use(path: &Path) -> impl FnOnce(rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    |error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { path },
        _ => error.into(),
    }
}

/// The schema of an open database.
pub(super) fn schema(connection: &Connection) -> Result<u32, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
