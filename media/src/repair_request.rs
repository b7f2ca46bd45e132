//! The file of a repair request. It replaces nothing but another request: a device, a bundle or a part that is named by mistake
//! stays as it is.

use landfall_host::durable::{self, PathError, partial};
use landfall_host::regular;
use landfall_manifests::limits;
use landfall_manifests::repair::{RepairRequest, RequestError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A repair request cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RequestFileError {
    /// Something else is in its place.
    #[error("{} already exists and is not a repair request: it is not replaced", .0.display())]
    Exists(PathBuf),
    /// The file cannot be read.
    #[error("the request {} cannot be read", .path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not a request.
    #[error("{}", .path.display())]
    Parse {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: RequestError,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] PathError),
    /// The current folder is not known.
    #[error("cannot find the folder of {}", .path.display())]
    Folder {
        /// The path, which is relative.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads a repair request.
///
/// # Errors
/// The file cannot be read, or is not a request.
pub fn read_request(path: &Path) -> Result<RepairRequest, RequestFileError> {
    let mut json = Vec::new();
    // One byte more than a request may have: parsing then says that it is too large.
    let read = regular::open(path).and_then(|(file, _)| file.take(limits::REQUEST_BYTES + 1).read_to_end(&mut json));
    read.map_err(|source| RequestFileError::Read { path: path.to_owned(), source })?;
    RepairRequest::parse(&json).map_err(|source| RequestFileError::Parse { path: path.to_owned(), source })
}

/// The file that a repair request is written to, if one has to be written.
#[derive(Debug)]
pub struct RequestFile {
    path: PathBuf,
}

impl RequestFile {
    /// Checks that nothing is at `path`, or an older request. Whether it can be written there is known when it is.
    ///
    /// # Errors
    /// [`RequestFileError::Exists`] if something else is there.
    pub fn new(path: &Path) -> Result<Self, RequestFileError> {
        let Ok(about) = path.symlink_metadata() else { return Ok(Self { path: path.to_owned() }) };
        // A bundle that was named by mistake is not read to find out that it is no request.
        let is_small = about.is_file() && about.len() <= limits::REQUEST_BYTES;
        if is_small && read_request(path).is_ok() {
            return Ok(Self { path: path.to_owned() });
        }
        Err(RequestFileError::Exists(path.to_owned()))
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the request durably, so that there is all of it or nothing.
    ///
    /// # Errors
    /// Something else is there now, or the file cannot be written.
    pub fn write(&self, request: &RepairRequest) -> Result<(), RequestFileError> {
        // Verifying takes a while: another file may be there now.
        Self::new(&self.path)?;
        let folder = |source| RequestFileError::Folder { path: self.path.clone(), source };
        let path = std::path::absolute(&self.path).map_err(folder)?;
        durable::write(&path, &request.to_json(), 0o644).inspect_err(|_| {
            // Half a request is of no use, and the error that is reported is the first one.
            let _ = durable::remove_entry(&partial(&path));
        })?;
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, mknodat};

    #[test]
    fn replaces_nothing_but_another_request() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("notes"), "my notes").unwrap();
        std::fs::write(at("empty"), "").unwrap();
        std::fs::write(at("request"), RepairRequest::Head.to_json()).unwrap();
        std::fs::File::create(at("bundle")).unwrap().set_len(limits::REQUEST_BYTES + 1).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, 0o600.into(), 0).unwrap();
        std::os::unix::fs::symlink("request", at("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
        for name in ["notes", "empty", "bundle", "folder", "pipe", "link", "dangling", "/dev/null"] {
            let error = RequestFile::new(&at(name)).unwrap_err();
            assert!(matches!(error, RequestFileError::Exists(_)), "{name}: {error}");
        }
        for name in ["request", "new"] {
            RequestFile::new(&at(name)).unwrap().write(&RepairRequest::Head).unwrap();
            assert!(RepairRequest::parse(&std::fs::read(at(name)).unwrap()).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = RequestFile::new(&folder.path().join("no-such-folder/request")).unwrap();
        let error = file.write(&RepairRequest::Head).unwrap_err();
        assert!(error.to_string().starts_with("cannot create"), "{error}");
        let late = RequestFile::new(&folder.path().join("late")).unwrap();
        std::fs::write(folder.path().join("late"), "came meanwhile").unwrap();
        assert!(matches!(late.write(&RepairRequest::Head), Err(RequestFileError::Exists(_))));
        assert_eq!(std::fs::read(folder.path().join("late")).unwrap(), b"came meanwhile");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
