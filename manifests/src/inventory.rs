//! What a host has, as it says itself: a delta for it leaves that out.

use crate::{Arch, Digest, Os, Product, ReleaseId, Serial, Version, limits};
use landfall_keys::{
    PublicKey, PublicKeyError, SecretKey, Signature, SignatureError, TrustError, TrustedKeys, TrustedKeysError, at_most,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const RELEASES_KEPT: usize = limits::INVENTORY_RELEASES + 1;

/// What a host has.
///
/// ```json
/// {"schema": 1, "product": "acme", "os": "linux", "arch": "amd64", "installation": "0123…", "releases": [
///   {"version": "1.3.0", "serial": 11, "manifest": "sha256:…"}], "blobs": ["sha256:…"]}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// The form's number, 1.
    pub schema: u32,
    /// What its releases are of.
    pub product: Product,
    /// Its operating system.
    pub os: Os,
    /// Its processor.
    pub arch: Arch,
    /// The installation's id, 32 hex digits: which of several hosts it is.
    pub installation: String,
    /// The releases that it keeps, the one that runs first.
    #[serde(deserialize_with = "at_most::<_, _, RELEASES_KEPT>")]
    pub releases: Vec<InventoryRelease>,
    /// What its store holds and has hashed right: blobs, and contents of blobs that came as a difference.
    pub blobs: BTreeSet<Digest>,
}

/// A release on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryRelease {
    /// Its version.
    pub version: Version,
    /// Its serial.
    pub serial: Serial,
    /// The digest of its `landfall.json`.
    pub manifest: Digest,
}

/// An inventory as it is carried, in a file of at most [`limits::INVENTORY_BYTES`]. The signed bytes are the text of `inventory`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedInventory {
    inventory: String,
    /// The host's public key, as minisign writes it: the host's word for whose it is.
    key: String,
    /// A minisign signature.
    signature: String,
}

/// An inventory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The file is larger than what is read.
    #[error("the inventory has more than the 16 MiB that are read")]
    TooLarge,
    /// Not JSON, or not of this shape.
    #[error("the inventory does not parse")]
    Json(#[from] serde_json::Error),
    /// A form that this program does not know.
    #[error("the inventory's schema {0} is not 1: a newer Landfall made it")]
    Schema(u32),
    /// A host without a release has nothing.
    #[error("the inventory names no release, or more than 64")]
    Releases,
    /// What it says its key is.
    #[error("the inventory's key does not parse")]
    Key(#[from] PublicKeyError),
    /// What it says its signature is.
    #[error("the inventory's signature does not parse")]
    Signature(#[from] SignatureError),
    /// It was changed after it was signed, or is of another host than those that were named.
    #[error("the inventory is not signed by the host's key")]
    Untrusted(#[from] TrustError),
    /// No set of trusted keys can be made of the keys.
    #[error("these keys of hosts cannot be used together")]
    Keys(#[from] TrustedKeysError),
}

impl Inventory {
    /// The release that runs.
    pub fn current(&self) -> Option<&InventoryRelease> {
        self.releases.first()
    }

    /// `os/arch`.
    pub fn platform(&self) -> String {
        format!("{}/{}", self.os.name(), self.arch.name())
    }

    fn check(&self) -> Result<(), InventoryError> {
        if self.schema != 1 {
            return Err(InventoryError::Schema(self.schema));
        }
        let is_bounded = (1..=limits::INVENTORY_RELEASES).contains(&self.releases.len());
        if is_bounded { Ok(()) } else { Err(InventoryError::Releases) }
    }
}

impl InventoryRelease {
    /// Its identity on the host.
    pub fn id(&self) -> ReleaseId {
        ReleaseId { version: self.version.clone(), serial: self.serial }
    }
}

impl SignedInventory {
    /// Signs what a host has with its key.
    ///
    /// # Errors
    /// It names no release, or cannot be signed.
    pub fn new(inventory: &Inventory, key: &SecretKey) -> Result<Self, InventoryError> {
        inventory.check()?;
        let text = serde_json::to_string_pretty(inventory)? + "\n";
        let signature = key.sign(text.as_bytes(), "landfall inventory")?.to_file();
        Ok(Self { inventory: text, key: key.public_key().to_line(), signature })
    }

    /// Parses the file. Nothing in it is verified.
    ///
    /// # Errors
    /// It is no inventory, or too large.
    pub fn parse(file: &[u8]) -> Result<Self, InventoryError> {
        if file.len() as u64 > limits::INVENTORY_BYTES {
            Err(InventoryError::TooLarge)
        } else {
            Ok(serde_json::from_slice(file)?)
        }
    }

    /// What the host has, if its key has signed it, which must be one of `hosts`, unless none is named.
    ///
    /// # Errors
    /// It is not signed so, or not what an inventory may be.
    pub fn verify(&self, hosts: &[PublicKey]) -> Result<Inventory, InventoryError> {
        let keys = if hosts.is_empty() { vec![self.key.parse::<PublicKey>()?] } else { hosts.to_vec() };
        let signature = Signature::parse_canonical(self.signature.as_bytes())?;
        let trusted = TrustedKeys::new(keys, 1)?;
        let verified = trusted.verify(self.inventory.as_bytes(), &[signature])?;
        let inventory: Inventory = serde_json::from_slice(verified.get())?;
        inventory.check()?;
        Ok(inventory)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        let release = InventoryRelease {
            version: "1.3.0".parse().unwrap(),
            serial: 11.try_into().unwrap(),
            manifest: Digest::of(b"manifest"),
        };
        Inventory {
            schema: 1,
            product: "acme".parse().unwrap(),
            os: Os::Linux,
            arch: Arch::Amd64,
            installation: "0".repeat(32),
            releases: vec![release],
            blobs: [Digest::of(b"a"), Digest::of(b"b")].into(),
        }
    }

    #[test]
    fn what_the_hosts_key_has_signed_is_what_is_read() {
        let [host, other] = [(); 2].map(|()| SecretKey::generate().unwrap());
        let signed = SignedInventory::new(&inventory(), &host).unwrap();
        let file = serde_json::to_vec(&signed).unwrap();
        let read = SignedInventory::parse(&file).unwrap();
        for hosts in [vec![], vec![host.public_key()], vec![other.public_key(), host.public_key()]] {
            assert_eq!(read.verify(&hosts).unwrap(), inventory());
        }
        assert!(matches!(read.verify(&[other.public_key()]), Err(InventoryError::Untrusted(_))));
        let changed = String::from_utf8(file).unwrap().replace("1.3.0", "1.4.0");
        let changed = SignedInventory::parse(changed.as_bytes()).unwrap();
        assert!(matches!(changed.verify(&[]), Err(InventoryError::Untrusted(_))));
        let with_another_key = SignedInventory { key: other.public_key().to_line(), ..read };
        assert!(matches!(with_another_key.verify(&[]), Err(InventoryError::Untrusted(_))));
    }

    #[test]
    fn what_is_no_inventory_is_refused() {
        let host = SecretKey::generate().unwrap();
        let large = vec![b' '; usize::try_from(limits::INVENTORY_BYTES).unwrap() + 1];
        assert!(matches!(SignedInventory::parse(&large), Err(InventoryError::TooLarge)));
        for text in ["", "{}", r#"{"inventory": "", "key": "", "signature": "", "more": 1}"#] {
            assert!(matches!(SignedInventory::parse(text.as_bytes()), Err(InventoryError::Json(_))), "{text}");
        }
        let without = Inventory { releases: Vec::new(), ..inventory() };
        assert!(matches!(SignedInventory::new(&without, &host), Err(InventoryError::Releases)));
        let newer = Inventory { schema: 2, ..inventory() };
        assert!(matches!(SignedInventory::new(&newer, &host), Err(InventoryError::Schema(2))));
    }
}
