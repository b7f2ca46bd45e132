//! The trust root: what a host pins in `trust.json`.

mod changes;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::key_id::KeyId;
use crate::public_key::PublicKey;
use crate::trusted::{TrustedKeys, TrustedKeysError};

pub use changes::RootChanges;

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
    #[error("the trust root does not parse")]
    Json(#[source] serde_json::Error),
    /// Versions begin at one.
    #[error("the trust root's version is 0: versions begin at 1")]
    Version,
    /// The keys and the threshold do not make a set.
    #[error(transparent)]
    Keys(TrustedKeysError),
    /// They do, but not without those that are revoked.
    #[error("the trust root cannot be used without its revoked keys")]
    Revoked(#[source] TrustedKeysError),
    /// A key is to go that is not there.
    #[error("the key {id} is not in version {version} of the trust root: nothing was removed")]
    UnknownKey {
        /// The id that was given.
        id: KeyId,
        /// The version that was to be changed.
        version: u32,
    },
    /// A key is to come that is revoked, under its own id or under another one.
    #[error("the key {id} is revoked: it can never be trusted again, make a new one")]
    RevokedKey {
        /// The id under which it was to come.
        id: KeyId,
    },
    /// Two keys share an id, so that a signature would be checked against the wrong one.
    #[error("the id {id} is another key's already: signatures by the two could not be told apart, make a new key")]
    SharedId {
        /// The id.
        id: KeyId,
    },
    /// The next version would say what this one says.
    #[error("nothing would change: the next version would say what version {version} says")]
    Unchanged {
        /// The version that was to be changed.
        version: u32,
    },
    /// There is no number after the last.
    #[error("the trust root's version is the last that there is")]
    LastVersion,
}

impl TrustRoot {
    /// The first root of a host: version 1, nothing revoked.
    pub fn first(keys: Vec<PublicKey>, threshold: u32) -> Result<Self, RootError> {
        distinct_ids(&keys)?;
        Self::new(RootFile { version: 1, threshold, keys, revoked: Vec::new() })
    }

    /// A root that follows no other: for publishers who lost too many keys to sign a next version. Hosts
    /// cannot follow to it: an operator replaces the root of each by this one, whose `version` must be
    /// above the one that the host has.
    pub fn beginning_at(
        version: u32,
        keys: Vec<PublicKey>,
        threshold: u32,
        revoked: Vec<KeyId>,
    ) -> Result<Self, RootError> {
        // A host accepts a root that lists a revoked key, and does not count it; in a root that is being made it is a
        // mistake.
        if let Some(key) = keys.iter().find(|key| revoked.contains(&key.id())) {
            return Err(RootError::RevokedKey { id: key.id() });
        }
        distinct_ids(&keys)?;
        Self::new(RootFile { version, threshold, keys, revoked })
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
        // A root whose revocations leave fewer keys than its threshold could never be met again.
        let trusted = TrustedKeys::new(keys, file.threshold).map_err(RootError::Revoked)?;
        let trusted = trusted.revoking(file.revoked.clone());
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

    /// All keys that the file lists, also those that it revokes.
    pub fn listed_keys(&self) -> &[PublicKey] {
        &self.file.keys
    }

    /// The keys that count: without those that are revoked.
    pub fn trusted_keys(&self) -> &TrustedKeys {
        &self.trusted
    }
}

/// Whether no two different `keys` share an id. One key under one id twice is for [`TrustedKeys::new`] to refuse.
fn distinct_ids(keys: &[PublicKey]) -> Result<(), RootError> {
    let shared = |(index, key): &(usize, &PublicKey)| keys.iter().take(*index).any(|first| share_id(first, key));
    match keys.iter().enumerate().find(shared) {
        Some((_, key)) => Err(RootError::SharedId { id: key.id() }),
        None => Ok(()),
    }
}

/// Whether two different keys share an id.
fn share_id(one: &PublicKey, other: &PublicKey) -> bool {
    one.id() == other.id() && !one.same_signer(other)
}

impl Serialize for TrustRoot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.file.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TrustRoot {
    /// The same as [`TrustRoot::parse`] for a root inside another document, whose reader bounds the bytes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(RootFile::deserialize(deserializer)?).map_err(|error| match error {
            // serde keeps the message alone, and these two say nothing without their cause.
            RootError::Keys(why) | RootError::Revoked(why) => D::Error::custom(why),
            other => D::Error::custom(other),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
