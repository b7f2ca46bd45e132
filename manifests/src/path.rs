use crate::limits;
use std::fmt;
use std::str::FromStr;

/// The path of a file in a release's folder: relative, `/` between components, and no component that leads outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundlePath(String);

impl BundlePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path is `folder` or inside it.
    pub fn is_within(&self, folder: &str) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether the host reserves the path for its records of a release: a name that begins with `landfall.json`, or with
    /// `.landfall.json`, as files are called while they are written.
    pub fn is_reserved(&self) -> bool {
        self.0.strip_prefix('.').unwrap_or(&self.0).starts_with(crate::archive::MANIFEST_NAME)
    }

    /// The folders that must be there before the file, outermost first.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(end, _)| &self.0[..end])
    }
}

/// The text is not a path that a release may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a path in a release: {rule}")]
pub struct PathError {
    text: String,
    rule: &'static str,
}

impl FromStr for BundlePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        match broken_rule(text) {
            None => Ok(Self(text.to_owned())),
            Some(rule) => Err(PathError { text: text.chars().take(120).collect(), rule }),
        }
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    if text.len() > limits::PATH_BYTES {
        return Some("it is longer than 1,024 bytes");
    }
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return Some("it has a control character or a backslash");
    }
    text.split('/').find_map(|component| match component {
        "" => Some("it is empty, absolute, or has an empty component"),
        "." | ".." => Some("it has a component that is . or .."),
        long if long.len() > limits::PATH_COMPONENT_BYTES => Some("it has a component longer than 255 bytes"),
        _ => None,
    })
}

impl fmt::Display for BundlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Permission bits of a file, written `0755`: the lower nine, so that nothing is set-user-id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u16);

impl Mode {
    /// The permission bits of a mode as `stat(2)` gives it; all other bits are dropped.
    pub fn of(mode: u32) -> Self {
        Self((mode & 0o777) as u16)
    }

    /// The bits, for `chmod(2)`.
    pub fn bits(self) -> u32 {
        u32::from(self.0)
    }
}

/// The text is not a file's mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a mode: 0 and three octal digits")]
pub struct ModeError(String);

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        // `from_str_radix` alone would take a sign.
        let octal = text.len() == 4 && text.starts_with('0') && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let bits = octal.then(|| u16::from_str_radix(text, 8).ok()).flatten();
        bits.map(Self).ok_or_else(|| ModeError(text.chars().take(16).collect()))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{:03o}", self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn never_leads_outside() {
        let long = "a/".repeat(600);
        let wide = "a".repeat(256);
        for wrong in
            ["", "/", "/etc/passwd", "a//b", "a/", "..", "a/../b", "./a", "a/.", "a\\b", "a\0b", "a\nb", &long, &wide]
        {
            assert!(wrong.parse::<BundlePath>().is_err(), "{wrong:?}");
        }
        for right in ["a", "bin/landfall", "docs/ein Brief.md", "...", "a/..b", ".hidden"] {
            assert_eq!(right.parse::<BundlePath>().unwrap().as_str(), right);
        }
    }

    #[test]
    fn names_its_folders_from_the_outside_in() {
        let path: BundlePath = "a/b/c".parse().unwrap();
        assert_eq!(path.folders().collect::<Vec<_>>(), ["a", "a/b"]);
        assert!(path.is_within("a") && path.is_within("a/b/c") && !path.is_within("a/bb") && !path.is_within("b"));
    }

    #[test]
    fn a_mode_has_nine_bits() {
        assert_eq!("0755".parse::<Mode>().unwrap().bits(), 0o755);
        assert_eq!(Mode::of(0o104_644).to_string(), "0644");
        for wrong in ["755", "4755", "0855", "+755", "00755", ""] {
            assert!(wrong.parse::<Mode>().is_err(), "{wrong}");
        }
    }
}
