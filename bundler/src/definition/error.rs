use super::DefinitionLine;
use landfall_console::Size;
use std::io;
use std::path::PathBuf;

/// A definition cannot be used. Every message names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DefinitionError {
    #[error("the definition {} cannot be read", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("the definition {} is larger than {}: is it a definition?", file.display(), Size(*limit))]
    TooLarge { file: PathBuf, limit: u64 },
    #[error("{line}: {message}")]
    Wrong { line: DefinitionLine, message: String },
}
