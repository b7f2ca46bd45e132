//! The file that a repair request is written to. It replaces nothing but another request: who names a device, a bundle or a
//! part of one by mistake keeps it.

use crate::durable::{self, partial};
use crate::errors::Error;
use landfall_console::{Exit, Failure, message_with_causes};
use landfall_manifests::limits;
use landfall_manifests::repair::RepairRequest;
use std::path::{Path, PathBuf};

/// Where a request goes, if one has to be written.
#[derive(Debug)]
pub(crate) struct RequestFile {
    path: PathBuf,
}

impl RequestFile {
    /// Looks at `path` and writes nothing: there must be nothing, or an older request.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        let Ok(about) = path.symlink_metadata() else {
            // Whether it can be written there is seen when it is.
            return Ok(Self { path: path.to_owned() });
        };
        let is_small = about.is_file() && about.len() <= limits::REQUEST_BYTES;
        let bytes = if is_small { durable::read(path, limits::REQUEST_BYTES).ok().flatten() } else { None };
        if bytes.is_some_and(|bytes| RepairRequest::parse(&bytes).is_ok()) {
            return Ok(Self { path: path.to_owned() });
        }
        let message = format!("{} is there already and is no repair request: it stays as it is", path.display());
        Err(Failure::new(Exit::Usage, "exists", message).hint("name a file for the request that is not there yet"))
    }

    /// Writes the request, and says in the failure of the bundle how to go on. Where it cannot be written, the failure keeps
    /// its exit code and its word for scripts, and says that too.
    pub(crate) fn write(&self, request: &RepairRequest, failure: &Failure) -> Failure {
        let (hint, message) = match self.put(request) {
            Ok(()) => (self.how_to_go_on(), failure.to_string()),
            Err(error) => (
                "name a file with --request that can be written".to_owned(),
                format!("{failure}\nthe repair request was not written: {}", message_with_causes(&error)),
            ),
        };
        Failure::new(failure.exit(), failure.code(), message).hint(hint)
    }

    fn put(&self, request: &RepairRequest) -> Result<(), Error> {
        // Verifying takes its time: another file may be there now.
        Self::new(&self.path)?;
        let path = std::path::absolute(&self.path)?;
        durable::write(&path, &request.to_json(), 0o644).inspect_err(|_| {
            // What was written of it is of no use to anybody, and it is the error before that counts.
            let _ = durable::remove_entry(&partial(&path));
        })?;
        Ok(())
    }

    fn how_to_go_on(&self) -> String {
        format!(
            "take {} to where the bundle was made; `landfall-bundler repair {} --from BUNDLE` makes a patch there, and \
             --patch takes it here",
            self.path.display(),
            self.path.file_name().unwrap_or(self.path.as_os_str()).display(),
        )
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, mknodat};

    fn damaged() -> Failure {
        Failure::new(Exit::Damaged, "damaged", "bundle.tar is damaged")
    }

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
        for name in ["notes", "empty", "bundle", "folder", "pipe", "link", "dangling"] {
            let failure = RequestFile::new(&at(name)).unwrap_err();
            assert_eq!((failure.exit(), failure.code()), (Exit::Usage, "exists"), "{name}: {failure}");
        }
        assert!(RequestFile::new(Path::new("/dev/null")).is_err());
        for name in ["request", "new"] {
            let failure = RequestFile::new(&at(name)).unwrap().write(&RepairRequest::Head, &damaged());
            assert_eq!((failure.code(), failure.to_string()), ("damaged", "bundle.tar is damaged".to_owned()));
            assert!(RepairRequest::parse(&std::fs::read(at(name)).unwrap()).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_written_leaves_the_verdict_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = RequestFile::new(&folder.path().join("no-such-folder/request")).unwrap();
        let failure = file.write(&RepairRequest::Head, &damaged());
        assert_eq!((failure.exit(), failure.code()), (Exit::Damaged, "damaged"));
        let message = failure.to_string();
        assert!(message.starts_with("bundle.tar is damaged\nthe repair request was not written: cannot create"));
        assert!(message.contains("No such file"), "{message}");
        let late = RequestFile::new(&folder.path().join("late")).unwrap();
        std::fs::write(folder.path().join("late"), "came meanwhile").unwrap();
        assert!(late.write(&RepairRequest::Head, &damaged()).to_string().contains("it stays as it is"));
        assert_eq!(std::fs::read(folder.path().join("late")).unwrap(), b"came meanwhile");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
