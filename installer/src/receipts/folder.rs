//! Receipts as files: `0000000001.json`, and its signature beside it.

use super::body::MAX_RECEIPT_BYTES;
use super::chain::Found;
use super::counter::Counter;
use crate::aside;
use crate::durable::{self, At as _, PathError};
use landfall_keys::MAX_FILE_BYTES;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A folder with receipts.
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

    /// The receipts that are there, in order. Other names in the folder do not count, nor does a signature alone.
    pub(crate) fn counters(&self) -> Result<Vec<Counter>, PathError> {
        let mut counters = Vec::new();
        self.each_name(|name| counters.extend(Counter::of_body(name)))?;
        counters.sort_unstable();
        Ok(counters)
    }

    /// The highest counter that a signature has, by its name, be its receipt there or not.
    pub(crate) fn highest_signature(&self) -> Result<Option<Counter>, PathError> {
        let mut highest = None;
        self.each_name(|name| highest = highest.max(Counter::of_signature(name)))?;
        Ok(highest)
    }

    fn each_name(&self, mut see: impl FnMut(&str)) -> Result<(), PathError> {
        let entries = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.at("read the folder", &self.path)?,
        };
        for entry in entries {
            let name = entry.at("read the folder", &self.path)?.file_name();
            name.to_str().into_iter().for_each(&mut see);
        }
        Ok(())
    }

    /// The files of one receipt.
    pub(crate) fn read(&self, counter: Counter) -> Result<Found, PathError> {
        let path = self.path.join(counter.body());
        let body = durable::read(&path, MAX_RECEIPT_BYTES as u64)?;
        let body = body.ok_or_else(|| io::Error::from(ErrorKind::NotFound)).at("read", &path)?;
        let signature = durable::read(&self.path.join(counter.signature()), MAX_FILE_BYTES as u64)?;
        Ok(Found { counter, body, signature })
    }

    /// Puts a receipt in place, the signature first: without its receipt it counts for nothing. What is there already and
    /// the same stays.
    pub(super) fn write(&self, counter: Counter, body: &[u8], signature: &[u8]) -> Result<(), PathError> {
        durable::create_folder(&self.path, 0o700)?;
        durable::write(&self.path.join(counter.signature()), signature, 0o600)?;
        durable::write(&self.path.join(counter.body()), body, 0o600)
    }

    /// Whether this receipt can be put in place: the folder can be read, if it is there, and holds no other one in its place.
    /// The first one begins a folder.
    pub(super) fn takes(&self, counter: Counter, body: &[u8]) -> bool {
        let free = || durable::exists(&self.path.join(counter.body())).is_ok_and(|exists| !exists);
        let same = || self.read(counter).is_ok_and(|found| found.body == body);
        let fits = |others: Vec<Counter>| counter != Counter::FIRST || others.iter().all(|other| *other == counter);
        self.check().is_ok() && self.counters().is_ok_and(fits) && (free() || same())
    }

    /// Whether the host may keep its receipts here: a folder of its own, or nothing yet.
    pub(super) fn check(&self) -> Result<(), PathError> {
        match self.path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Ok(about) if about.is_dir() => Ok(()),
            Ok(_) => Err(io::Error::from(ErrorKind::NotADirectory)).at("read the folder", &self.path),
            Err(error) => Err(error).at("look at", &self.path),
        }
    }

    /// Writes into a new folder, and what was there stays beside it. Where that fails too, everything is as it was.
    pub(super) fn replaced(&self, write: impl Fn() -> Result<(), PathError>) -> Result<(), PathError> {
        let aside = if durable::exists(&self.path)? { Some(aside::set(&self.path)?) } else { None };
        let Err(error) = write() else { return Ok(()) };
        if let Some(aside) = aside {
            durable::remove_tree(&self.path)?;
            durable::rename_to_free_name(&aside, &self.path)?;
        }
        Err(error)
    }
}
