//! The administrator's token, `/etc/landfall/admin.token`.

use crate::identity::KeyHash;
use landfall_host::regular;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most that is read, in bytes: the token has 73, and a line feed.
const MAX_BYTES: u64 = 256;
const PREFIX: &str = "sk_admin_";
const DIGITS: usize = 64;

/// Why the token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("cannot read the admin token {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other users may read the file, or own it.
    #[error(
        "the admin token {path} is exposed: it must belong to the service's user and have mode 0600 (it has {mode:04o}, owner {owner})"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        owner: u32,
    },
    /// The file does not contain a token.
    #[error("{path} does not hold an admin token: sk_admin_ and 64 hex digits on one line")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the token, and returns its hash: all that a comparison needs.
pub fn load(path: &Path) -> Result<KeyHash, TokenError> {
    let failed = |source| TokenError::Read { path: path.into(), source };
    let (file, metadata) = regular::open(path).map_err(failed)?;
    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    // 0600 or 0400, of the open file: the path may lead to another one by now.
    if mode & 0o177 != 0 || owner != rustix::process::geteuid().as_raw() {
        return Err(TokenError::Exposed { path: path.into(), mode, owner });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    let token = text.trim_end_matches('\n');
    let digits = token.strip_prefix(PREFIX).unwrap_or_default();
    let valid = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then(|| KeyHash::of(token)).ok_or_else(|| TokenError::Malformed { path: path.into() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    fn loaded(content: &str, mode: u32) -> Result<KeyHash, TokenError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        load(&path)
    }

    #[test]
    fn accepts_a_private_token() {
        let token = format!("sk_admin_{}", "0f".repeat(32));
        assert_eq!(loaded(&format!("{token}\n"), 0o600).unwrap(), KeyHash::of(&token));
        assert_eq!(loaded(&token, 0o400).unwrap(), KeyHash::of(&token));
    }

    #[test]
    fn refuses_an_exposed_or_malformed_token() {
        let token = format!("sk_admin_{}", "0f".repeat(32));
        for mode in [0o644, 0o640, 0o606, 0o700] {
            assert!(matches!(loaded(&token, mode), Err(TokenError::Exposed { .. })), "{mode:o}");
        }
        for content in
            ["", "sk_admin_", "sk_admin_xyz", &token[1..], &format!("{token}0"), &format!("{token}\n{token}")]
        {
            assert!(matches!(loaded(content, 0o600), Err(TokenError::Malformed { .. })), "{content:?}");
        }
    }
}
