//! A folder of receipts: `0000000001.json` and its signature `0000000001.json.minisig`.

use super::chain::UnverifiedReceipt;
use super::counter::Counter;
use super::receipt::MAX_RECEIPT_BYTES;
use crate::durable::{self, At as _, PathError};
use crate::quarantine;
use landfall_keys::MAX_FILE_BYTES;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A folder of receipts.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The counters of its receipts, ascending. Other files are passed over, as is a signature without its receipt.
    pub(crate) fn counters(&self) -> Result<Vec<Counter>, PathError> {
        let mut counters = Vec::new();
        self.each_name(|name| counters.extend(Counter::of_body(name)))?;
        counters.sort_unstable();
        Ok(counters)
    }

    /// The highest counter in the name of a signature, with or without its receipt.
    pub(crate) fn highest_signature(&self) -> Result<Option<Counter>, PathError> {
        let mut highest = None;
        self.each_name(|name| highest = highest.max(Counter::of_signature(name)))?;
        Ok(highest)
    }

    fn each_name(&self, mut visit: impl FnMut(&str)) -> Result<(), PathError> {
        let entries = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.at("read the folder", &self.path)?,
        };
        for entry in entries {
            let name = entry.at("read the folder", &self.path)?.file_name();
            name.to_str().into_iter().for_each(&mut visit);
        }
        Ok(())
    }

    /// The files of one receipt.
    pub(crate) fn read(&self, counter: Counter) -> Result<UnverifiedReceipt, PathError> {
        let path = self.path.join(counter.body());
        let body = durable::read(&path, MAX_RECEIPT_BYTES as u64)?;
        let body = body.ok_or_else(|| io::Error::from(ErrorKind::NotFound)).at("read", &path)?;
        let signature = durable::read(&self.path.join(counter.signature()), MAX_FILE_BYTES as u64)?;
        Ok(UnverifiedReceipt { counter, body, signature })
    }

    /// Writes a receipt, the signature first: a signature without its receipt counts for nothing.
    pub(super) fn write(&self, counter: Counter, body: &[u8], signature: &[u8]) -> Result<(), PathError> {
        durable::create_folder(&self.path, 0o700)?;
        durable::write(&self.path.join(counter.signature()), signature, 0o600)?;
        durable::write(&self.path.join(counter.body()), body, 0o600)
    }

    /// Whether this receipt can be written: the folder can be read, and holds no other receipt of this counter. The first receipt
    /// needs an empty folder.
    pub(super) fn accepts(&self, counter: Counter, body: &[u8]) -> bool {
        let is_free = || durable::exists(&self.path.join(counter.body())).is_ok_and(|exists| !exists);
        // An attempt before this one has written it.
        let is_same = || self.read(counter).is_ok_and(|found| found.body == body);
        let fits = |others: Vec<Counter>| counter != Counter::FIRST || others.iter().all(|other| *other == counter);
        self.check().is_ok() && self.counters().is_ok_and(fits) && (is_free() || is_same())
    }

    /// Checks that the path is a folder and no link, or does not exist yet.
    pub(super) fn check(&self) -> Result<(), PathError> {
        match self.path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Ok(about) if about.is_dir() => Ok(()),
            Ok(_) => Err(io::Error::from(ErrorKind::NotADirectory)).at("read the folder", &self.path),
            Err(error) => Err(error).at("look at", &self.path),
        }
    }

    /// Writes into a new folder, and keeps the old one beside it under another name. When writing fails, the old folder is put back.
    pub(super) fn write_into_new(&self, write: impl Fn() -> Result<(), PathError>) -> Result<(), PathError> {
        let aside = if durable::exists(&self.path)? { Some(quarantine::rename(&self.path)?) } else { None };
        let Err(error) = write() else { return Ok(()) };
        if let Some(aside) = aside {
            // What was written of the new folder, so that its name is free for the old one.
            durable::remove_tree(&self.path)?;
            durable::rename_to_free_name(&aside, &self.path)?;
        }
        Err(error)
    }
}
