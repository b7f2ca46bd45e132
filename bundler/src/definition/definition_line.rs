use std::fmt;
use std::path::PathBuf;

/// A line of a definition, written `FILE:LINE` as compilers do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefinitionLine {
    pub(crate) file: PathBuf,
    /// Counted from one.
    pub(crate) number: usize,
}

impl fmt::Display for DefinitionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.number)
    }
}

/// The line of `text` that the byte at `offset` is in, counted from one.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.split(|byte| *byte == b'\n').count()
}
