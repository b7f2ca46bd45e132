//! A set of keys with a threshold: the only thing that can make a [`Verified`] value.

mod verified;

use std::collections::BTreeSet;

use thiserror::Error;

use crate::ed25519::Prehash;
use crate::key_id::{KeyId, list_ids};
use crate::public_key::PublicKey;
use crate::signature::Signature;

pub use verified::{Signer, Verified};

/// The most keys that one set holds: more than any team of release signers.
pub const MAX_TRUSTED_KEYS: usize = 32;

/// The most signatures that are looked at: one by each key of an old and of a new trust root.
pub const MAX_SIGNATURES: usize = 2 * MAX_TRUSTED_KEYS;

/// The most signatures that a release carries: no threshold may ask for more, or nothing could ever meet it.
pub const MAX_RELEASE_SIGNATURES: usize = 16;

/// Keys that are trusted, and how many of them must have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKeys {
    keys: Vec<PublicKey>,
    threshold: u32,
    /// Ids that count for nothing, known only so that a refusal can say so.
    revoked: Vec<KeyId>,
}

/// Why keys and a threshold do not make a set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TrustedKeysError {
    /// There is no key.
    #[error("no key is trusted: at least one is needed")]
    NoKeys,
    /// There are more than [`MAX_TRUSTED_KEYS`].
    #[error("{found} keys are too many: at most {MAX_TRUSTED_KEYS} can be trusted")]
    TooManyKeys {
        /// How many there are.
        found: usize,
    },
    /// One key is there twice, perhaps under two ids. It would count as two signers.
    #[error("the key {id} is there twice (first as {first})")]
    DuplicateKey {
        /// The id under which the key is there first.
        first: KeyId,
        /// The id under which it is there again.
        id: KeyId,
    },
    /// The threshold is zero, or more than there are keys.
    #[error("the threshold is {threshold}, but must be from 1 to the number of keys, {keys}")]
    Threshold {
        /// The threshold that was asked for.
        threshold: u32,
        /// The number of keys.
        keys: usize,
    },
    /// More keys must sign than a release can carry signatures.
    #[error("the threshold is {threshold}, and a release carries at most {MAX_RELEASE_SIGNATURES} signatures")]
    Unmeetable {
        /// The threshold that was asked for.
        threshold: u32,
    },
}

/// Why signed bytes were not accepted. Each means *not signed by the keys that are trusted*; a file
/// that is no signature at all is a [`SignatureError`](crate::SignatureError) before it comes here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TrustError {
    /// No signature is by a trusted key.
    #[error("not signed by a trusted key: signed by {}, trusted: {}", list_ids(.signed_by), list_ids(.trusted))]
    NotTrusted {
        /// The ids that the signatures name, in order, each once. Empty if there are none.
        signed_by: Vec<KeyId>,
        /// The ids of the keys that are trusted, in order, each once.
        trusted: Vec<KeyId>,
    },
    /// No signature is by a trusted key, and at least one names a key that was one.
    #[error("signed by {}, which this host has revoked; trusted: {}", list_ids(.revoked), list_ids(.trusted))]
    Revoked {
        /// The revoked ids that the signatures name, in order, each once.
        revoked: Vec<KeyId>,
        /// The ids of the keys that are trusted, in order, each once.
        trusted: Vec<KeyId>,
    },
    /// Some trusted keys have signed, but too few.
    #[error(
        "signed by {have} of the trusted keys, but {need} are needed: signed by {}{}, trusted: {}",
        list_ids(.signed_by), also_revoked(.revoked), list_ids(.trusted)
    )]
    Threshold {
        /// How many distinct trusted keys have signed.
        have: u32,
        /// How many must have.
        need: u32,
        /// The ids of the trusted keys that have signed.
        signed_by: Vec<KeyId>,
        /// The revoked ids that the signatures name, in order, each once: they count for nothing.
        revoked: Vec<KeyId>,
        /// The ids of the keys that are trusted, in order, each once.
        trusted: Vec<KeyId>,
    },
    /// A signature names a trusted key, but is not its signature over these bytes and this comment.
    #[error(
        "the signature that names the trusted key {key_id} does not match: the signed bytes, the comment or the signature were changed"
    )]
    BadSignature {
        /// The id that the signature names.
        key_id: KeyId,
    },
    /// More than [`MAX_SIGNATURES`].
    #[error("{found} signatures are too many: at most {MAX_SIGNATURES} are checked")]
    TooManySignatures {
        /// How many there are.
        found: usize,
    },
}

impl TrustedKeys {
    /// A set of `keys`, of which `threshold` must sign.
    ///
    /// # Errors
    /// No keys, too many, the same key twice (under whatever ids), or a threshold that is zero or
    /// cannot be met, by these keys or by any release ([`MAX_RELEASE_SIGNATURES`]).
    pub fn new(keys: Vec<PublicKey>, threshold: u32) -> Result<Self, TrustedKeysError> {
        if keys.is_empty() {
            return Err(TrustedKeysError::NoKeys);
        }
        if keys.len() > MAX_TRUSTED_KEYS {
            return Err(TrustedKeysError::TooManyKeys { found: keys.len() });
        }
        for (index, key) in keys.iter().enumerate() {
            if let Some(first) = keys.iter().take(index).find(|first| first.same_signer(key)) {
                return Err(TrustedKeysError::DuplicateKey { first: first.id(), id: key.id() });
            }
        }
        let met = usize::try_from(threshold).is_ok_and(|t| (1..=keys.len()).contains(&t));
        if !met {
            return Err(TrustedKeysError::Threshold { threshold, keys: keys.len() });
        }
        if threshold as usize > MAX_RELEASE_SIGNATURES {
            return Err(TrustedKeysError::Unmeetable { threshold });
        }
        Ok(Self { keys, threshold, revoked: Vec::new() })
    }

    /// The same set, which names `revoked` ids in its refusals.
    pub(crate) fn revoking(self, revoked: Vec<KeyId>) -> Self {
        Self { revoked, ..self }
    }

    /// The keys, in the order in which they were given.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// How many distinct keys must have signed.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Accepts `bytes` if at least the threshold of distinct trusted keys signed them.
    ///
    /// - A signature counts for the key that it verifies with, strictly and together with its
    ///   trusted comment. Ids only choose which keys are tried; a second signature by a key counts
    ///   for nothing.
    /// - A signature that names no trusted key is ignored: a bundle may be signed for several hosts.
    /// - A signature that names a trusted key and is not that key's is an error, also when others
    ///   meet the threshold: it means damage or an attempt to deceive, and both should be seen.
    pub fn verify<B: AsRef<[u8]>>(&self, bytes: B, signatures: &[Signature]) -> Result<Verified<B>, TrustError> {
        // 1. Each signature costs a verification over the whole manifest: their number is limited first.
        if signatures.len() > MAX_SIGNATURES {
            return Err(TrustError::TooManySignatures { found: signatures.len() });
        }
        // 2. The message is hashed once, for all keys and signatures.
        let signers = self.signers(&Prehash::of(bytes.as_ref()), signatures)?;
        // 3. Distinct keys are counted, not signatures (TUF specification, 5.3.4: "each key only counts once").
        let have = u32::try_from(signers.len()).unwrap_or(u32::MAX);
        if have < self.threshold {
            return Err(self.too_few(have, &signers, signatures));
        }
        Ok(Verified::seal(bytes, signers))
    }

    fn too_few(&self, have: u32, signers: &[Signer], signatures: &[Signature]) -> TrustError {
        let (named, trusted) = (distinct(signatures.iter().map(Signature::key_id)), self.ids());
        let revoked: Vec<_> = named.iter().copied().filter(|id| self.revoked.contains(id)).collect();
        if have > 0 {
            let signed_by = distinct(signers.iter().map(|signer| signer.key().id()));
            return TrustError::Threshold { have, need: self.threshold, signed_by, revoked, trusted };
        }
        if revoked.is_empty() {
            return TrustError::NotTrusted { signed_by: named, trusted };
        }
        TrustError::Revoked { revoked, trusted }
    }

    /// The trusted keys that signed, each once, in the order of their first signature.
    fn signers(&self, message: &Prehash, signatures: &[Signature]) -> Result<Vec<Signer>, TrustError> {
        let mut signers: Vec<Signer> = Vec::new();
        for signature in signatures {
            let key_id = signature.key_id();
            // An id is a hint: every key that has it is tried.
            let mut named = self.keys.iter().filter(|key| key.id() == key_id).peekable();
            if named.peek().is_none() {
                continue;
            }
            let key = named.find(|key| signature.is_by(key, message)).ok_or(TrustError::BadSignature { key_id })?;
            if !signers.iter().any(|signer| signer.key().same_signer(key)) {
                signers.push(Signer::seal(*key, signature.unverified_trusted_comment()));
            }
        }
        Ok(signers)
    }

    fn ids(&self) -> Vec<KeyId> {
        distinct(self.keys.iter().map(PublicKey::id))
    }
}

fn distinct(ids: impl Iterator<Item = KeyId>) -> Vec<KeyId> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The same for those whose signatures count for nothing.
fn also_revoked(ids: &[KeyId]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    format!(" (and by {}, which this host has revoked)", list_ids(ids))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
