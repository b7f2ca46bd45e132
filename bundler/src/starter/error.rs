use crate::definition::{DefinitionError, ImageSourceSyntaxError};
use std::io;
use std::path::PathBuf;

/// A definition to begin with cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StarterError {
    #[error("{} already exists", path.display())]
    Exists { path: PathBuf },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the questions ended without an answer, and nothing has been written")]
    NoAnswer,
    #[error("the answer cannot be read")]
    Answer(#[source] io::Error),
    #[error("there is no image to take")]
    Image(#[from] ImageSourceSyntaxError),
    /// What is written would not parse.
    #[error("these answers make no definition")]
    Definition(#[from] DefinitionError),
}
