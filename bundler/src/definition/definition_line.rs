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
