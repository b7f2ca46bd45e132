use std::fmt;
use std::str::FromStr;

/// The longest path and the longest of its components, in bytes (limits.h, `PATH_MAX` and `NAME_MAX`).
const PATH_BYTES: usize = 4095;
const COMPONENT_BYTES: usize = 255;

/// A path in an image: absolute, and without `.` and `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ImagePath {
    /// As an archive has it: without the first and the last `/`, and empty for the root.
    inside: String,
    is_folder: bool,
}

/// A text is no path in an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImagePathError {
    #[error("{0:?} is not absolute: a path in an image begins with /")]
    NotAbsolute(String),
    #[error("{0:?} has a component . or ..: write the path without it")]
    Dots(String),
    #[error("{0:?} has a component that begins with .wh., which engines take for a removal")]
    Whiteout(String),
    #[error("{0:?} is longer than any file system takes, or has a NUL in it")]
    Unusable(String),
}

impl ImagePath {
    /// The path as an archive has it: without a `/` at either end, and empty for the root.
    pub(crate) fn inside(&self) -> &str {
        &self.inside
    }

    /// Whether it is written as that of a folder, with a `/` at its end.
    pub(crate) fn is_folder(&self) -> bool {
        self.is_folder
    }
}

impl FromStr for ImagePath {
    type Err = ImagePathError;

    fn from_str(text: &str) -> Result<Self, ImagePathError> {
        let told = || text.chars().take(80).collect();
        if !text.starts_with('/') {
            return Err(ImagePathError::NotAbsolute(told()));
        }
        let components: Vec<&str> = text.split('/').filter(|component| !component.is_empty()).collect();
        if components.iter().any(|component| matches!(*component, "." | "..")) {
            return Err(ImagePathError::Dots(told()));
        }
        if components.iter().any(|component| component.starts_with(".wh.")) {
            return Err(ImagePathError::Whiteout(told()));
        }
        let is_long = text.len() > PATH_BYTES || components.iter().any(|component| component.len() > COMPONENT_BYTES);
        if is_long || text.contains('\0') {
            return Err(ImagePathError::Unusable(told()));
        }
        Ok(Self { inside: components.join("/"), is_folder: text.ends_with('/') })
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.inside)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_and_leads_nowhere_else() {
        for (text, inside, is_folder) in [("/", "", true), ("/www", "www", false), ("//srv//www/", "srv/www", true)] {
            let path: ImagePath = text.parse().unwrap();
            assert_eq!((path.inside(), path.is_folder()), (inside, is_folder), "{text}");
        }
        let long = format!("/{}", "a".repeat(256));
        for (text, problem) in [
            ("", "not absolute"),
            ("www", "not absolute"),
            ("/a/../b", "component . or .."),
            ("/./a", "component . or .."),
            ("/a/.wh.b", "removal"),
            (&long, "longer"),
            ("/a\0", "NUL"),
        ] {
            let error = text.parse::<ImagePath>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }
}
