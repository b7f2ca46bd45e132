use crate::errors::media_error::MediaError;
use crate::source::Source;
use crate::source::parts::OpenPart;
use crate::source::prompt::Unattended;
use landfall_manifests::parity::{self, Index, IndexError, PAGE_BYTES};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file with the name of a parity file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParityFileError {
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error("{}: {source}", path.display())]
    Index { path: PathBuf, source: IndexError },
}

/// The parity file of a bundle, of which the index was read. It is closed in between: its medium may have to be changed.
#[derive(Debug)]
pub(crate) struct ParityFile {
    path: PathBuf,
    folders: Vec<PathBuf>,
    index: Index,
}

impl ParityFile {
    /// Looks for the parity file of the bundle at the path `bundle`, in its folder and in `folders`. It may be in parts, like the
    /// bundle. `None` if there is none.
    pub(crate) fn find(bundle: &Path, folders: &[PathBuf]) -> Result<Option<Self>, ParityFileError> {
        let Some(name) = bundle.file_name().and_then(|name| name.to_str()).map(parity::file_name) else {
            return Ok(None);
        };
        let own = bundle.parent().map(Path::to_owned);
        for folder in own.iter().chain(folders) {
            let path = folder.join(&name);
            match open(&path, folders) {
                Err(MediaError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
                Ok(source) => {
                    let index = read_index(&source).map_err(|source| ParityFileError::Index { path, source })?;
                    return Ok(Some(Self { path: source.path().to_owned(), folders: folders.to_owned(), index }));
                }
            }
        }
        Ok(None)
    }

    /// The path of the file; of parts, the one that it would have in one piece.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says about its bundle.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Opens it again, for its recovery blocks.
    pub(crate) fn open(&self) -> Result<Source, MediaError> {
        let mut source = open(&self.path, &self.folders)?;
        source.set_total(self.index.geometry().file_bytes());
        Ok(source)
    }
}

/// Opens a parity file. Nobody named it, so that a link is not followed.
fn open(path: &Path, folders: &[PathBuf]) -> Result<Source, MediaError> {
    if path.symlink_metadata().is_ok_and(|about| !about.is_file()) {
        return Err(MediaError::NotAFile(path.to_owned()));
    }
    Source::open(path, folders, Box::new(Unattended))
}

fn read_index(source: &Source) -> Result<Index, IndexError> {
    let mut part: Option<Arc<OpenPart>> = None;
    Index::read(source.found_bytes(), |offset| {
        let mut page = [0; PAGE_BYTES];
        let read = source.read_full_at(&mut part, &mut page, offset);
        read.is_ok_and(|read| read == PAGE_BYTES).then_some(page)
    })
}
