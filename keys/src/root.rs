//! The trust root: what a host pins in `trust.json`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::key_id::KeyId;
use crate::public_key::PublicKey;
use crate::trusted::{TrustedKeys, TrustedKeysError};

/// The largest trust root that is read, in bytes: [`MAX_TRUSTED_KEYS`](crate::MAX_TRUSTED_KEYS) keys
/// take about 2 KiB, the rest is room for some three thousand revoked ids.
pub const MAX_TRUST_ROOT_BYTES: usize = 64 << 10;

/// The keys that a host trusts, their threshold, the ids that it no longer trusts, and a version that
/// rises by one with each change.
///
/// ```json
/// {"version": 1, "threshold": 1, "keys": ["RW…"], "revoked": []}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRoot {
    file: RootFile,
    trusted: TrustedKeys,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootFile {
    version: u32,
    threshold: u32,
    keys: Vec<PublicKey>,
    revoked: Vec<KeyId>,
}

/// Why bytes are not a trust root.
#[derive(Debug, Error)]
pub enum RootError {
    /// Longer than [`MAX_TRUST_ROOT_BYTES`].
    #[error("the trust root is {found} bytes long, at most {MAX_TRUST_ROOT_BYTES} are read")]
    TooLong {
        /// The length in bytes.
        found: usize,
    },
    /// Not the JSON of a trust root.
    #[error("the trust root does not parse: {0}")]
    Json(#[source] serde_json::Error),
    /// Versions begin at one.
    #[error("the trust root's version is 0: versions begin at 1")]
    Version,
    /// The keys and the threshold do not make a set.
    #[error("the trust root cannot be used: {0}")]
    Keys(#[source] TrustedKeysError),
    /// They do, but not without those that are revoked.
    #[error("the trust root cannot be used without its revoked keys: {0}")]
    Revoked(#[source] TrustedKeysError),
}

impl TrustRoot {
    /// The first root of a host: version 1, nothing revoked.
    pub fn first(keys: Vec<PublicKey>, threshold: u32) -> Result<Self, RootError> {
        Self::new(RootFile { version: 1, threshold, keys, revoked: Vec::new() })
    }

    /// Reads `trust.json`. Whether to trust what it says is the caller's to decide: a host's own file
    /// is trusted because only root can write it.
    pub fn parse(json: &[u8]) -> Result<Self, RootError> {
        if json.len() > MAX_TRUST_ROOT_BYTES {
            return Err(RootError::TooLong { found: json.len() });
        }
        Self::new(serde_json::from_slice(json).map_err(RootError::Json)?)
    }

    fn new(file: RootFile) -> Result<Self, RootError> {
        if file.version == 0 {
            return Err(RootError::Version);
        }
        // Also the revoked keys are held to the rules: one that is there twice, once under an id
        // that is not revoked, would go on counting.
        TrustedKeys::new(file.keys.clone(), file.threshold).map_err(RootError::Keys)?;
        let mut keys = file.keys.clone();
        keys.retain(|key| !file.revoked.contains(&key.id()));
        let trusted = TrustedKeys::new(keys, file.threshold).map_err(RootError::Revoked)?;
        Ok(Self { file, trusted })
    }

    /// The bytes of `trust.json`: indented JSON with a final line end.
    #[expect(clippy::expect_used, reason = "numbers, strings and lists of them always have a JSON form")]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.file).expect("a trust root has a JSON form") + "\n"
    }

    /// The version, from 1 up.
    pub fn version(&self) -> u32 {
        self.file.version
    }

    /// The ids that no longer count.
    pub fn revoked(&self) -> &[KeyId] {
        &self.file.revoked
    }

    /// The keys that count: without those that are revoked.
    pub fn trusted_keys(&self) -> &TrustedKeys {
        &self.trusted
    }
}
