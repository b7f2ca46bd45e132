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
    #[error("the trust root does not parse")]
    Json(#[source] serde_json::Error),
    /// Versions begin at one.
    #[error("the trust root's version is 0: versions begin at 1")]
    Version,
    /// The keys and the threshold do not make a set.
    #[error("the trust root cannot be used")]
    Keys(#[source] TrustedKeysError),
    /// They do, but not without those that are revoked.
    #[error("the trust root cannot be used without its revoked keys")]
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::trusted::TrustError;
    use crate::{SecretKey, Signature};

    fn keys(count: usize) -> Vec<SecretKey> {
        (0..count).map(|_| SecretKey::generate().unwrap()).collect()
    }

    fn public(keys: &[SecretKey]) -> Vec<PublicKey> {
        keys.iter().map(SecretKey::public_key).collect()
    }

    fn parse(json: &Value) -> Result<TrustRoot, RootError> {
        TrustRoot::parse(json.to_string().as_bytes())
    }

    fn sign(key: &SecretKey) -> Signature {
        key.sign(b"message", "").unwrap()
    }

    #[test]
    fn begins_at_version_one_with_nothing_revoked_and_reads_back() {
        let keys = keys(2);
        let root = TrustRoot::first(public(&keys), 2).unwrap();
        assert_eq!((root.version(), root.revoked()), (1, [].as_slice()));
        assert_eq!((root.trusted_keys().keys(), root.trusted_keys().threshold()), (&*public(&keys), 2));
        let json = root.to_json();
        assert_eq!(TrustRoot::parse(json.as_bytes()).unwrap(), root);
        let lines: Vec<String> = keys.iter().map(|key| key.public_key().to_line()).collect();
        let expected = json!({"version": 1, "threshold": 2, "keys": lines, "revoked": []});
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expected);
        assert!(json.ends_with("}\n"));
    }

    #[test]
    fn never_counts_a_revoked_key() {
        let keys = keys(2);
        let [kept, revoked] = keys.as_slice() else { unreachable!() };
        let json = json!({
            "version": 7, "threshold": 1, "keys": public(&keys),
            "revoked": [revoked.id(), "0123456789abcdef"],
        });
        let root = parse(&json).unwrap();
        assert_eq!(root.version(), 7);
        assert_eq!(root.revoked().first(), Some(&revoked.id()));
        let trusted = root.trusted_keys();
        assert_eq!(trusted.keys(), [kept.public_key()]);
        trusted.verify(b"message".to_vec(), &[sign(kept), sign(revoked)]).unwrap();
        let refused = trusted.verify(b"message".to_vec(), &[sign(revoked)]);
        let expected = TrustError::NotTrusted { signed_by: vec![revoked.id()], trusted: vec![kept.id()] };
        assert_eq!(refused, Err(expected));
    }

    #[test]
    fn refuses_roots_that_nobody_could_meet() {
        let keys = keys(2);
        let (public, id) = (public(&keys), keys.first().unwrap().id());
        let with = |keys: &[PublicKey], threshold: u32, revoked: &[KeyId]| json!({"version": 1, "threshold": threshold, "keys": keys, "revoked": revoked});
        assert!(matches!(parse(&with(&[], 1, &[])), Err(RootError::Keys(TrustedKeysError::NoKeys))));
        assert!(matches!(parse(&with(&public, 0, &[])), Err(RootError::Keys(TrustedKeysError::Threshold { .. }))));
        assert!(matches!(parse(&with(&public, 3, &[])), Err(RootError::Keys(TrustedKeysError::Threshold { .. }))));
        assert!(matches!(
            parse(&with(&public, 2, &[id])),
            Err(RootError::Revoked(TrustedKeysError::Threshold { threshold: 2, keys: 1 }))
        ));
    }

    #[test]
    fn refuses_a_revoked_key_that_stays_under_another_id() {
        let key = SecretKey::from_seed(KeyId::from_bytes([1; 8]), &[5; 32]);
        let alias = SecretKey::from_seed(KeyId::from_bytes([2; 8]), &[5; 32]);
        let json = json!({
            "version": 1, "threshold": 1, "keys": [key.public_key(), alias.public_key()], "revoked": [key.id()],
        });
        assert!(matches!(parse(&json), Err(RootError::Keys(TrustedKeysError::DuplicateKey { .. }))));
    }

    #[test]
    fn refuses_json_that_is_not_exactly_a_trust_root() {
        let good = json!({"version": 1, "threshold": 1, "keys": public(&keys(1)), "revoked": []});
        parse(&good).unwrap();
        let change = |name: &str, value: Value| {
            let mut json = good.clone();
            json.as_object_mut().unwrap().insert(name.to_owned(), value);
            json.to_string()
        };
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove("revoked");
        let table = [
            change("comment", json!("an unknown field")),
            change("version", json!(-1)),
            change("version", json!(u64::from(u32::MAX) + 1)),
            change("version", json!("1")),
            change("keys", json!(["RW"])),
            change("keys", json!("RW")),
            change("revoked", json!(["not an id"])),
            without.to_string(),
            good.to_string() + "{}",
            good.to_string().replacen('{', "{\"version\": 1,", 1),
            String::new(),
        ];
        for json in table {
            assert!(matches!(TrustRoot::parse(json.as_bytes()), Err(RootError::Json(_))), "{json}");
        }
        let zero = change("version", json!(0));
        assert!(matches!(TrustRoot::parse(zero.as_bytes()), Err(RootError::Version)));
    }

    #[test]
    fn reads_a_bounded_number_of_bytes() {
        let json = TrustRoot::first(public(&keys(1)), 1).unwrap().to_json();
        let longest = json.clone() + &" ".repeat(MAX_TRUST_ROOT_BYTES - json.len());
        TrustRoot::parse(longest.as_bytes()).unwrap();
        let longer = TrustRoot::parse((longest + " ").as_bytes());
        assert!(matches!(longer, Err(RootError::TooLong { found }) if found == MAX_TRUST_ROOT_BYTES + 1));
    }
}
