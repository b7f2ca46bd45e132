use crate::regular;
use data_encoding::BASE64;
use landfall_manifests::Digest;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use std::io;
use std::path::{Path, PathBuf};

/// A public key in PEM, in bytes.
const FILE_BYTES: u64 = 64 << 10;
/// What stands before the point of a key on the curve P-256 (RFC 5480, section 2): algorithm, curve, and the bit string's length.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// A point in its uncompressed form (SEC 1, section 2.3.3).
const POINT_BYTES: usize = 65;

/// The public key of `cosign generate-key-pair`: ECDSA on P-256, with SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CosignKey {
    point: [u8; POINT_BYTES],
}

/// The file is no such key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CosignKeyError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no public key of cosign: {reason}", path.display())]
    Form { path: PathBuf, reason: &'static str },
}

impl CosignKey {
    /// Reads a key file.
    pub(crate) fn read(path: &Path) -> Result<Self, CosignKeyError> {
        let text = regular::read(path, FILE_BYTES);
        let text = text.map_err(|source| CosignKeyError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|reason| CosignKeyError::Form { path: path.to_owned(), reason })
    }

    /// Reads a key in PEM.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text).map_err(|_| "it has no PUBLIC KEY in PEM")?;
        let point = der.strip_prefix(&P256).ok_or("its key is none of ECDSA on P-256")?;
        Ok(Self { point: point.try_into().map_err(|_| "its key has another length than those on P-256")? })
    }

    /// Whether `signature`, in base64, is that of `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = BASE64.decode(signature.as_bytes()) else { return false };
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point).verify(message, &signature).is_ok()
    }

    /// In PEM.
    pub(crate) fn to_pem(&self) -> String {
        let text = BASE64.encode(&[&P256[..], &self.point].concat());
        let (first, second) = text.split_at(64);
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
    }

    /// Its fingerprint, for people: the digest of its DER form.
    pub(crate) fn fingerprint(&self) -> String {
        Digest::of(&[&P256[..], &self.point].concat()).hex()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

    /// A key pair, and its public half.
    pub(crate) struct Signer(EcdsaKeyPair, pub(crate) CosignKey);

    impl Signer {
        pub(crate) fn new() -> Self {
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pair.as_ref(), &random).unwrap();
            let point = pair.public_key().as_ref().try_into().unwrap();
            Self(pair, CosignKey { point })
        }

        pub(crate) fn sign(&self, message: &[u8]) -> String {
            BASE64.encode(self.0.sign(&SystemRandom::new(), message).unwrap().as_ref())
        }
    }

    #[test]
    fn a_key_verifies_what_it_signed_and_nothing_else() {
        let [signer, other] = [Signer::new(), Signer::new()];
        let signature = signer.sign(b"message");
        assert!(signer.1.verifies(b"message", &signature));
        assert!(!signer.1.verifies(b"massage", &signature));
        assert!(!other.1.verifies(b"message", &signature));
        for broken in ["", "AAAA", "!", &signature[1..], &signature[..signature.len() - 4]] {
            assert!(!signer.1.verifies(b"message", broken), "{broken}");
        }
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = Signer::new().1;
        let text = key.to_pem();
        assert_eq!(CosignKey::parse(text.as_bytes()), Ok(key.clone()));
        assert_eq!(key.fingerprint().len(), 64);
        for (wrong, reason) in [
            (String::new(), "no PUBLIC KEY"),
            (text.replace("PUBLIC", "PRIVATE"), "no PUBLIC KEY"),
            (text.replace("MFkw", "MFkx"), "none of ECDSA"),
            ("untrusted comment: minisign public key\nRWQ\n".to_owned(), "no PUBLIC KEY"),
        ] {
            assert!(CosignKey::parse(wrong.as_bytes()).unwrap_err().contains(reason), "{wrong}");
        }
    }
}
