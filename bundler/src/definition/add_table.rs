//! What is put onto a base.

use super::image_path::ImagePath;
use super::text::DefinitionText;
use super::{DefinitionError, Owners, SourcePath};
use serde::Deserialize;
use toml::Spanned;

/// One of `add`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct AddTable {
    /// The folder whose content is added, or the file. The path itself may be a symbolic link.
    #[cfg_attr(test, schemars(with = "String"))]
    source: Spanned<String>,
    /// Where it lies in the image: the folder with that content; or the file, or with `/` at the end the folder that the file goes into
    /// under its own name. Folders that are missing above it become root's, with the mode 0755.
    #[cfg_attr(test, schemars(with = "String"))]
    path: Spanned<String>,
    /// Whose it is, by number, such as `"33:33"` for user and group. Default: root's.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    owner: Option<Spanned<String>>,
    /// `keep` for the numbers that the files have here.
    owners: Option<Owners>,
}

/// A file or a folder's content that is put onto a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addition {
    pub(crate) source: SourcePath,
    pub(crate) path: ImagePath,
    pub(crate) owner: FileOwner,
}

/// Whose a file of an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileOwner {
    /// The one's that it is here, by number.
    Kept,
    Numbers {
        user: u32,
        group: u32,
    },
}

impl FileOwner {
    pub(crate) const ROOT: Self = Self::Numbers { user: 0, group: 0 };

    /// Reads `USER:GROUP`, both by number.
    fn parse(text: &str) -> Option<Self> {
        let (user, group) = text.split_once(':')?;
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        Some(Self::Numbers { user: number(user)?, group: number(group)? })
    }
}

impl From<Owners> for FileOwner {
    fn from(owners: Owners) -> Self {
        match owners {
            Owners::Root => Self::ROOT,
            Owners::Keep => Self::Kept,
        }
    }
}

/// What `written` puts onto a base.
pub(super) fn addition(text: &DefinitionText<'_>, written: Spanned<AddTable>) -> Result<Addition, DefinitionError> {
    let at = written.span().start;
    let table = written.into_inner();
    let owner = match (table.owner, table.owners) {
        (Some(_), Some(_)) => return Err(text.wrong(at, "owner and owners exclude each other: leave one of them out")),
        (None, owners) => owners.unwrap_or_default().into(),
        (Some(owner), None) => FileOwner::parse(owner.get_ref()).ok_or_else(|| {
            let message = format!("owner is {:?}: it has to be two numbers, such as \"33:33\"", owner.get_ref());
            text.wrong(owner.span().start, message)
        })?,
    };
    let path = table.path.get_ref().parse();
    let path = path.map_err(|error| text.wrong(table.path.span().start, format!("path {error}")))?;
    Ok(Addition { source: text.source_path(&table.source)?, path, owner })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_two_numbers() {
        assert_eq!(FileOwner::parse("33:44"), Some(FileOwner::Numbers { user: 33, group: 44 }));
        assert_eq!(FileOwner::parse("0:4294967295"), Some(FileOwner::Numbers { user: 0, group: u32::MAX }));
        for text in ["", "33", ":", "1:", "www:www", "+1:1", "1:4294967296", "1:1:1"] {
            assert_eq!(FileOwner::parse(text), None, "{text}");
        }
    }
}
