use super::definition_line::DefinitionLine;
use super::wording::own_words;
use super::{DefinitionError, SourcePath};
use landfall_console::line_of;
use landfall_manifests::Digest;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A definition's text and the path of its file.
pub(super) struct DefinitionText<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Path,
    /// Of the text as it is in the file.
    pub(super) digest: Digest,
}

impl DefinitionText<'_> {
    pub(super) fn line_at(&self, offset: usize) -> DefinitionLine {
        DefinitionLine { file: self.file.to_owned(), number: line_of(self.text, offset) }
    }

    pub(super) fn wrong(&self, offset: usize, message: impl Into<String>) -> DefinitionError {
        DefinitionError::Wrong { line: self.line_at(offset), message: message.into() }
    }

    pub(super) fn toml(&self, error: &toml::de::Error) -> DefinitionError {
        let span = error.span().unwrap_or_default();
        self.wrong(span.start, own_words(error.message(), self.text, &span))
    }

    pub(super) fn base(&self) -> PathBuf {
        self.file.parent().map(Path::to_owned).unwrap_or_default()
    }

    pub(super) fn source_path(&self, path: &Spanned<String>) -> Result<SourcePath, DefinitionError> {
        if path.get_ref().is_empty() {
            return Err(self.wrong(path.span().start, "this path is empty"));
        }
        Ok(SourcePath { path: self.base().join(path.get_ref()), line: self.line_at(path.span().start) })
    }
}
