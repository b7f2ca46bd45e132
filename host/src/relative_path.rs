use crate::layout::{FOLDERS, SHARE_LINK_FOLDERS};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use std::path::Path;

/// A folder of an installation, or an entry in one, as records hold it: `etc/systemd/system/landfall.service`.
///
/// It is relative to the host's root, in one spelling, and leads nowhere else: records are input from outside where the root is another
/// one than `/`. Of the folders it is known whether a symbolic link leads out of the root
/// ([`Layout::open`](crate::Layout::open)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelativePath(String);

/// A text is not a path of an installation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a path of an installation")]
pub struct RelativePathError(String);

impl RelativePath {
    /// One of the paths that this program names itself.
    ///
    /// # Panics
    /// `path` is not one of an installation.
    pub fn known(path: &str) -> Self {
        #[expect(clippy::expect_used, reason = "the program's own paths are constants, each of which a test reads")]
        path.to_owned().try_into().expect("a path of an installation")
    }
}

impl TryFrom<String> for RelativePath {
    type Error = RelativePathError;

    fn try_from(path: String) -> Result<Self, RelativePathError> {
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
        let is_folder =
            |path: &str| FOLDERS.iter().any(|(folder, _)| *folder == path) || SHARE_LINK_FOLDERS.contains(&path);
        let is_inside = path.rsplit_once('/').is_some_and(|(parent, name)| is_folder(parent) && is_name(name));
        if is_folder(&path) || is_inside { Ok(Self(path)) } else { Err(RelativePathError(path)) }
    }
}

impl From<RelativePath> for String {
    fn from(path: RelativePath) -> Self {
        path.0
    }
}

impl Deref for RelativePath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for RelativePath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl PartialEq<str> for RelativePath {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for RelativePath {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::layout::FOLDERS;

    #[test]
    fn a_path_in_a_record_is_one_of_an_installation_and_has_one_spelling() {
        for path in ["etc", "etc/systemd/system/landfall.service", "opt/..x", "opt/ü", "usr/local/share/man/man1"] {
            let read: RelativePath = serde_json::from_value(path.into()).unwrap();
            assert_eq!((read.to_string(), &read), (path.to_owned(), &RelativePath::known(path)));
            assert_eq!(serde_json::to_value(&read).unwrap(), path);
        }
        let others = ["srv", "srv/link/passwd", "etc/systemd/system/x/y", "opt/landfall/releases/1.0.0-1/bin/landfall"];
        let spellings = [
            "",
            "/",
            "/etc",
            "etc/",
            "etc//landfall",
            ".",
            "./etc",
            "..",
            "../etc",
            "opt/../etc",
            "opt/..",
            "opt/a\0b",
        ];
        for path in others.into_iter().chain(spellings) {
            let error = serde_json::from_value::<RelativePath>(path.into()).unwrap_err();
            assert!(error.to_string().ends_with("is not a path of an installation"), "{path:?}: {error}");
        }
    }

    #[test]
    fn the_folders_of_an_installation_lie_below_the_root() {
        for (folder, _) in FOLDERS {
            assert_eq!(RelativePath::known(folder), folder);
        }
    }
}
