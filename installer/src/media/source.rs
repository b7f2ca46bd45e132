use super::error::MediaError;
use super::file::MediaFile;
use super::parts::{self, OpenPart, Parts};
use landfall_console::Console;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the bundle's own bytes are.
#[derive(Debug)]
pub(super) enum Source {
    Whole(MediaFile),
    Parts(Parts),
}

impl Source {
    /// Opens a bundle that is one file, or finds its parts. A file that has the whole bundle's name is not looked past.
    pub(super) fn open(file: &Path, more: &[PathBuf], console: Console) -> io::Result<Self> {
        if let Some(no_folder) = more.iter().find(|folder| folder.exists() && !folder.is_dir()) {
            return Err(MediaError::Folder(no_folder.clone()).into());
        }
        let is_part = parts::is_part(file)?;
        let whole = match MediaFile::open(file) {
            Ok(whole) if !is_part => return Ok(Self::Whole(whole)),
            Ok(_) => None,
            Err(MediaError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => Some(source),
            Err(other) => return Err(other.into()),
        };
        match (Parts::find(file, more, console)?, whole) {
            (Some(parts), _) => Ok(Self::Parts(parts)),
            (None, absent) => {
                let source = absent.unwrap_or_else(|| io::ErrorKind::NotFound.into());
                Err(MediaError::Open { path: file.to_owned(), source }.into())
            }
        }
    }

    /// The bundle's path; of parts, the one that the whole would have.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Whole(file) => file.path(),
            Self::Parts(parts) => parts.path(),
        }
    }

    /// Says how large the whole bundle is, in bytes.
    pub(super) fn set_total(&mut self, total: u64) -> Result<(), MediaError> {
        match self {
            Self::Whole(_) => Ok(()),
            Self::Parts(parts) => parts.set_total(total),
        }
    }

    /// No part has more bytes than it has to hold: those of one that is not opened again are seen by nobody else.
    pub(super) fn check_lengths(&self) -> Result<(), MediaError> {
        match self {
            Self::Whole(_) => Ok(()),
            Self::Parts(parts) => parts.check_lengths(),
        }
    }

    /// Whether it is one file that goes on behind byte `total`.
    pub(super) fn goes_on_behind(&self, total: u64) -> bool {
        matches!(self, Self::Whole(file) if file.size() > total)
    }

    /// Reads some bytes from `offset` on; none only at an end. `part` is the one that the reader has open.
    pub(super) fn read_at(
        &self,
        part: &mut Option<Arc<OpenPart>>,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        match self {
            Self::Whole(file) => file.read_at(buffer, offset),
            Self::Parts(parts) => parts.read_at(part, buffer, offset),
        }
    }

    /// The file that holds `offset`, and the offset in it.
    pub(super) fn place(&self, offset: u64) -> (PathBuf, u64) {
        match self {
            Self::Whole(file) => (file.path().to_owned(), offset),
            Self::Parts(parts) => parts.place(offset),
        }
    }

    /// Whether nobody has to be asked for another medium.
    pub(super) fn is_at_hand(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Parts(parts) => parts.are_at_hand(),
        }
    }
}
