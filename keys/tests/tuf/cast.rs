//! Ten people with a key each, and what they sign.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall_keys::{KeyId, PublicKey, RootLink, SecretKey, Signature, TrustRoot};
use serde_json::json;

pub(crate) const PEOPLE: usize = 10;

static KEYS: LazyLock<Vec<SecretKey>> = LazyLock::new(|| (0..PEOPLE).map(|_| SecretKey::generate().unwrap()).collect());

pub(crate) fn public(person: usize) -> PublicKey {
    KEYS[person].public_key()
}

pub(crate) fn id(person: usize) -> KeyId {
    KEYS[person].id()
}

/// A root in its written form, whatever it says.
pub(crate) fn root(version: u32, threshold: u32, keys: &[usize], revoked: &[usize]) -> TrustRoot {
    let keys: Vec<_> = keys.iter().map(|&person| public(person)).collect();
    let revoked: Vec<_> = revoked.iter().map(|&person| id(person)).collect();
    let json = json!({"version": version, "threshold": threshold, "keys": keys, "revoked": revoked});
    TrustRoot::parse(json.to_string().as_bytes()).unwrap()
}

pub(crate) fn sign(person: usize, bytes: &str) -> Signature {
    KEYS[person].sign(bytes.as_bytes(), "trust root").unwrap()
}

pub(crate) fn signed(root: &TrustRoot, signers: &[usize]) -> RootLink {
    let json = root.to_json();
    RootLink::new(root, &signers.iter().map(|&person| sign(person, &json)).collect::<Vec<_>>())
}

/// The same public key or signature in the name of `id`: the id is not signed.
pub(crate) fn renamed(base64: &str, id: KeyId) -> String {
    let mut bytes = STANDARD.decode(base64).unwrap();
    bytes[2..10].copy_from_slice(&id.to_bytes());
    STANDARD.encode(bytes)
}
