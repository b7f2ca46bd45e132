use super::tables::FileTable;
use super::text::DefinitionText;
use super::{DefinitionError, DefinitionLine, SourcePath};
use landfall_manifests::Digest;
use toml::Spanned;
use url::Url;

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileSource {
    /// A file or a folder of this machine. A file may be told what it has to be.
    Path { source: SourcePath, digest: Option<Digest> },
    /// A file of a web server.
    Address { url: Url, digest: Digest, line: DefinitionLine },
}

impl FileSource {
    /// The source that a table names.
    pub(super) fn of(text: &DefinitionText<'_>, table: &FileTable) -> Result<Self, DefinitionError> {
        let (written, at) = (table.source.get_ref(), table.source.span().start);
        let digest = || table.sha256.as_ref().map(|written| digest(text, written)).transpose();
        if !["http://", "https://"].iter().any(|scheme| written.starts_with(scheme)) {
            return Ok(Self::Path { source: text.source_path(&table.source)?, digest: digest()? });
        }
        let url: Url = written.parse().map_err(|_| text.wrong(at, format!("{written:?} is no address")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(text.wrong(at, "a file's address has no user: logins are not written into definitions"));
        }
        let needed = "a file that has an address needs sha256 as well, which tells what it has to be";
        let digest = digest()?.ok_or_else(|| text.wrong(at, needed))?;
        Ok(Self::Address { url, digest, line: text.line_at(at) })
    }
}

fn digest(text: &DefinitionText<'_>, written: &Spanned<String>) -> Result<Digest, DefinitionError> {
    format!("sha256:{}", written.get_ref()).parse().map_err(|_| {
        let message = "sha256 has to be 64 hexadecimal digits in lower case, as sha256sum prints them";
        text.wrong(written.span().start, message)
    })
}
