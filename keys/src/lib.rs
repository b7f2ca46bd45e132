//! Ed25519 keys and signatures in [minisign]'s text formats, trust roots, and [`Verified`] values.
//!
//! The real `minisign` verifies what this crate signs and opens the keys that it writes, and the
//! other way round. Nothing here touches a file, the network or the clock: callers hand in text or
//! bytes, and get text or bytes back.
//!
//! ```
//! use landfall_keys::{SecretKey, TrustedKeys};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = SecretKey::generate()?;
//! let signature = secret.sign(b"a release manifest", "product=acme version=1.4.0 serial=12")?;
//!
//! let trusted = TrustedKeys::new(vec![secret.public_key()], 1)?;
//! let verified = trusted.verify(b"a release manifest".to_vec(), &[signature])?;
//! assert_eq!(verified.get(), b"a release manifest");
//! # Ok(())
//! # }
//! ```
//!
//! # The formats
//!
//! From the page "Minisign: signature format" at <https://jedisct1.github.io/minisign/>, `minisign(1)`
//! and minisign 0.11's `src/minisign.h`. Integers are little-endian, base64 is the standard alphabet
//! with padding, and lines end in LF (CRLF is read as well, as minisign does).
//!
//! A **public key** is 42 bytes, shown as one line of 56 characters that begins with `RW`:
//!
//! ```text
//! untrusted comment: minisign public key 569FAEB9264D2878
//! base64( "Ed" || key id[8] || Ed25519 public key[32] )
//! ```
//!
//! The **key id** is a random number that helps to find the right key. It identifies nothing by itself:
//! nothing ties it to the key, so it never decides whether a signature counts.
//!
//! A **signature** is four lines:
//!
//! ```text
//! untrusted comment: signature from minisign secret key
//! base64( "ED" || key id[8] || signature[64] )              signature = Ed25519( BLAKE2b-512(message) )
//! trusted comment: product=acme version=1.4.0 serial=12
//! base64( global signature[64] )                            global    = Ed25519( signature || trusted comment )
//! ```
//!
//! `Ed` instead of `ED` marks the legacy form that signs the message itself; it is refused.
//!
//! A **secret key** is 158 bytes. What follows the limits is as it stands when `kdf` is two zero
//! bytes, and XORed with the output of scrypt when it is `Sc`:
//!
//! ```text
//! untrusted comment: minisign encrypted secret key
//! base64( "Ed" || kdf[2] || "B2" || salt[32] || opslimit[8] || memlimit[8]
//!         || key id[8] || seed[32] || public key[32] || checksum[32] )
//! checksum = BLAKE2b-256( "Ed" || key id || seed || public key )
//! ```
//!
//! # What is stricter than minisign
//!
//! - Verification is strict: points of small order, encodings that are not canonical and malleable
//!   signatures are refused, so one signature has one form.
//! - The untrusted comment is dropped when read and always the same when written, so that
//!   [`Signature::parse_canonical`] leaves no byte of a signature file free to change.
//! - Nothing may follow the last line, and no control character may hide in a comment.
//! - The public half of a secret key is computed from the seed, and must agree with the one in the file
//!   (RUSTSEC-2022-0093: signing with a foreign public half gives the secret away).
//!
//! # Layout
//!
//! | module | holds |
//! | --- | --- |
//! | `text` | the framing of two and four lines, base64 |
//! | `ed25519` | the one place that checks a signature, and the prehash |
//! | `key_id`, `public_key`, `secret_key`, `kdf` | keys |
//! | `signature` | signature files |
//! | `trusted` | a set of keys with a threshold, and what it has verified |
//! | `root` | `trust.json`, and the next version of it |
//! | `chain` | signed successors of a root, and the rules by which a host accepts them |
//!
//! [minisign]: https://jedisct1.github.io/minisign/

mod chain;
mod ed25519;
mod kdf;
mod key_id;
mod public_key;
mod root;
mod secret_key;
mod signature;
mod text;
mod trusted;

pub use chain::{
    ChainError, MAX_CHAIN_LINKS, RootFiles, RootLink, at_most, root_file_name, root_version, signature_file_name,
    signed_root_version,
};
pub use key_id::{KeyId, KeyIdError, list_ids};
pub use public_key::{PublicKey, PublicKeyError};
pub use root::{MAX_TRUST_ROOT_BYTES, RootChanges, RootError, TrustRoot};
pub use secret_key::{KeyError, MAX_PASSWORD_BYTES, Protection, SecretKey, SecretKeyFile};
pub use signature::{Signature, SignatureError};
pub use text::{MAX_FILE_BYTES, TextError};
pub use trusted::{
    MAX_RELEASE_SIGNATURES, MAX_SIGNATURES, MAX_TRUSTED_KEYS, Signer, TrustError, TrustedKeys, TrustedKeysError,
    Verified,
};
