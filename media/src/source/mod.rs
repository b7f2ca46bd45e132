//! The files of a bundle: one, or parts in any folders.

pub(crate) mod file;
pub(crate) mod parts;
pub(crate) mod prompt;

use crate::errors::media_error::MediaError;
use file::MediaFile;
use parts::{Absent, OpenPart, Parts};
use prompt::MediumPrompt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The bundle's own files.
#[derive(Debug)]
pub(crate) enum Source {
    Whole(MediaFile),
    Parts(Parts),
}

impl Source {
    /// Opens a bundle that is one file, or finds its parts. Where a file has the whole bundle's name, no parts are looked for.
    pub(crate) fn open(file: &Path, more: &[PathBuf], prompt: Box<dyn MediumPrompt>) -> Result<Self, MediaError> {
        // A folder that is not there may be that of a drive without a disc.
        if let Some(no_folder) = more.iter().find(|folder| folder.exists() && !folder.is_dir()) {
            return Err(MediaError::NotAFolder(no_folder.clone()));
        }
        // Before the file is opened: its name decides what the file is
        // taken for, and not its content, which nobody has verified.
        let is_part = parts::is_part(file)?;
        let whole = match MediaFile::open(file) {
            Ok(whole) if !is_part => return Ok(Self::Whole(whole)),
            // The file is a part, named in place of its bundle: the others are looked for.
            Ok(_) => None,
            Err(MediaError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => Some(source),
            Err(other) => return Err(other),
        };
        match (Parts::find(file, more, prompt)?, whole) {
            (Some(parts), _) => Ok(Self::Parts(parts)),
            (None, absent) => {
                let source = absent.unwrap_or_else(|| io::ErrorKind::NotFound.into());
                Err(MediaError::Open { path: file.to_owned(), source })
            }
        }
    }

    /// The bundle's path; of parts, the one that the whole bundle would have.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Whole(file) => file.path(),
            Self::Parts(parts) => parts.path(),
        }
    }

    /// Opens a bundle that is one file, whatever its name.
    pub(crate) fn open_file(path: &Path) -> Result<Self, MediaError> {
        Ok(Self::Whole(MediaFile::open(path)?))
    }

    /// Opens a bundle that an HTTP server has as one file.
    pub(crate) fn open_address(address: &str) -> Result<Self, MediaError> {
        Ok(Self::Whole(MediaFile::open_address(address)?))
    }

    fn parts(&self) -> Option<&Parts> {
        match self {
            Self::Whole(_) => None,
            Self::Parts(parts) => Some(parts),
        }
    }

    /// Sets the size of the whole bundle, in bytes.
    pub(crate) fn set_total(&mut self, total: u64) {
        if let Self::Parts(parts) = self {
            parts.set_total(total);
        }
    }

    /// Checks that there is no part behind the bundle's end.
    pub(crate) fn check_surplus(&self) -> Result<(), MediaError> {
        self.parts().map_or(Ok(()), Parts::check_surplus)
    }

    /// Checks that no part is missing between those that were found, or empty.
    pub(crate) fn check_gaps(&self) -> Result<(), MediaError> {
        self.parts().map_or(Ok(()), Parts::check_gaps)
    }

    /// Checks that the parts that were found are those of a bundle of `total` bytes.
    pub(crate) fn check_sizes(&self, total: u64) -> Result<(), MediaError> {
        self.parts().map_or(Ok(()), |parts| parts.check_sizes(total))
    }

    /// The size of the file, or of the parts that were found, in bytes.
    pub(crate) fn found_bytes(&self) -> u64 {
        match self {
            Self::Whole(file) => file.size(),
            Self::Parts(parts) => parts.found_bytes(),
        }
    }

    /// The file, or the parts that were found, in order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Whole(file) => vec![file.path().to_owned()],
            Self::Parts(parts) => parts.files(),
        }
    }

    /// The size of the first part in bytes, if there are parts.
    pub(crate) fn part_size(&self) -> Option<u64> {
        self.parts().and_then(Parts::part_size)
    }

    /// Checks that no part has more bytes than it has to hold: a part that is not opened again is checked nowhere else.
    pub(crate) fn check_lengths(&self) -> Result<(), MediaError> {
        self.parts().map_or(Ok(()), Parts::check_lengths)
    }

    /// Whether it is one file that has more than `total` bytes.
    pub(crate) fn extends_past(&self, total: u64) -> bool {
        matches!(self, Self::Whole(file) if file.size() > total)
    }

    /// Reads some bytes at `offset`, none only at an end. `part` is the one that the reader has open.
    pub(crate) fn read_at(
        &self,
        part: &mut Option<Arc<OpenPart>>,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        match self {
            Self::Whole(file) => file.read_at(buffer, offset),
            Self::Parts(parts) => parts.read_at(part, buffer, offset, Absent::IsAskedFor),
        }
    }

    /// Fills `buffer` from `offset` on. Returns how much of it there is, which is less only at an end.
    pub(crate) fn read_full_at(
        &self,
        part: &mut Option<Arc<OpenPart>>,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        fill(buffer, offset, |buffer, offset| self.read_at(part, buffer, offset))
    }

    /// As [`Source::read_full_at`], without asking for a part that is not there.
    pub(crate) fn read_present_at(
        &self,
        part: &mut Option<Arc<OpenPart>>,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        fill(buffer, offset, |buffer, offset| match self {
            Self::Whole(file) => file.read_at(buffer, offset),
            Self::Parts(parts) => parts.read_at(part, buffer, offset, Absent::IsMissing),
        })
    }

    /// The file that has the byte at `offset`, and the offset in it.
    pub(crate) fn place(&self, offset: u64) -> (PathBuf, u64) {
        match self {
            Self::Whole(file) => (file.path().to_owned(), offset),
            Self::Parts(parts) => parts.place(offset),
        }
    }

    /// Whether everything can be read without asking for another medium.
    pub(crate) fn is_complete(&self) -> bool {
        self.parts().is_none_or(Parts::are_complete)
    }
}

/// Reads until `buffer` is full, or no more comes.
fn fill(
    buffer: &mut [u8],
    offset: u64,
    mut read_at: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_at(&mut buffer[filled..], offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
