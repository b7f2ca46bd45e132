//! Secret keys: generating, reading, writing, signing.

use std::fmt;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use ed25519_dalek::{Signer, SigningKey};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::ed25519::POINT_BYTES;
use crate::kdf::{Limits, OutOfMemory, SALT_BYTES};
use crate::key_id::KeyId;
use crate::public_key::{KEY_ALGORITHM, PublicKey};
use crate::signature::{Signature, SignatureError};
use crate::text::{self, Fields, TextError, UNTRUSTED_COMMENT};

/// The longest password, in bytes: minisign reads no more.
pub const MAX_PASSWORD_BYTES: usize = 1023;

/// No password.
const KDF_NONE: [u8; 2] = [0, 0];

/// `Sc`: scrypt.
const KDF_SCRYPT: [u8; 2] = *b"Sc";

/// `B2`: the checksum is BLAKE2b-256.
const CHECKSUM_BLAKE2B: [u8; 2] = *b"B2";

const SEED_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 32;

/// The part that a password protects: key id, seed, public key, checksum.
const BODY_BYTES: usize = 8 + SEED_BYTES + POINT_BYTES + CHECKSUM_BYTES;

/// Bytes under the base64: three algorithms, salt, two limits, body.
const FILE_BYTES: usize = 3 * 2 + SALT_BYTES + 2 * 8 + BODY_BYTES;

/// An Ed25519 secret key with its id. The secret is wiped from memory on drop and never printed.
pub struct SecretKey {
    id: KeyId,
    signing: SigningKey,
}

/// How a secret key is written.
#[derive(Clone, Copy)]
pub enum Protection<'a> {
    /// In the clear, as `minisign -G -W` writes it: whoever reads the file can sign.
    None,
    /// Under a password, with minisign's own parameters: about a second and 1 GiB of memory each
    /// time. The bytes are not empty, have no line end or NUL, and at most [`MAX_PASSWORD_BYTES`].
    Password(&'a [u8]),
}

/// A secret key file that was read, but not opened.
pub struct SecretKeyFile {
    lock: Option<Lock>,
    body: Body,
}

struct Lock {
    salt: [u8; SALT_BYTES],
    limits: Limits,
}

type Body = Zeroizing<[u8; BODY_BYTES]>;

/// Why a secret key cannot be read, opened, made or written. Never holds a part of it.
#[derive(Debug, Error)]
pub enum KeyError {
    /// Not framed as a secret key.
    #[error("not a minisign secret key: {0}")]
    Text(#[from] TextError),
    /// Framed as one, but of a kind that minisign does not write.
    #[error("not a minisign secret key: its {what} is {:?}", String::from_utf8_lossy(.found))]
    Algorithm {
        /// Which of the three: signature algorithm, key derivation or checksum.
        what: &'static str,
        /// The two bytes that are there.
        found: [u8; 2],
    },
    /// The file asks for more work than minisign ever does, or for less.
    #[error(
        "the key file asks for {operations} operations and {memory_bytes} bytes of memory to be opened, \
         which minisign never writes: the file is damaged or was made to deceive"
    )]
    Limits {
        /// scrypt operations, as libsodium counts them.
        operations: u64,
        /// Bytes of memory.
        memory_bytes: u64,
    },
    /// The key is protected and no password was given.
    #[error("the secret key is protected: a password is needed")]
    PasswordNeeded,
    /// The password does not open the key. A damaged file looks the same.
    #[error("the password does not open the secret key")]
    WrongPassword,
    /// A password that minisign could not be given.
    #[error("the password cannot protect a key: it must be 1 to {MAX_PASSWORD_BYTES} bytes, without line ends or NUL")]
    UnusablePassword,
    /// The checksum of an unprotected key does not match.
    #[error("the secret key file is damaged: its checksum does not match")]
    Damaged,
    /// The public half in the file is not the seed's. Signing with it would give the seed away.
    #[error("the secret key {id} is damaged: its public half belongs to another key")]
    PublicHalf {
        /// The id in the file.
        id: KeyId,
    },
    /// The machine lacks the memory that the password protection needs.
    #[error("{bytes} bytes of memory are needed to turn the password into a key, and are not to be had")]
    Memory {
        /// How many bytes.
        bytes: usize,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    Random(#[source] getrandom::Error),
}

impl SecretKey {
    /// A new key from the operating system's random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let mut id = [0; 8];
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        getrandom::fill(&mut id).map_err(KeyError::Random)?;
        getrandom::fill(seed.as_mut()).map_err(KeyError::Random)?;
        Ok(Self::from_seed(KeyId::from_bytes(id), &seed))
    }

    pub(crate) fn from_seed(id: KeyId, seed: &[u8; SEED_BYTES]) -> Self {
        Self { id, signing: SigningKey::from_bytes(seed) }
    }

    /// The id that signatures will name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The public half, computed from the secret one.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::new(self.id, self.signing.verifying_key().into())
    }

    /// Signs `message` (prehashed) and `trusted_comment`. The same inputs give the same signature.
    ///
    /// # Errors
    /// The comment is too long, or has a control character other than a tab.
    pub fn sign(&self, message: &[u8], trusted_comment: &str) -> Result<Signature, SignatureError> {
        Signature::make(self.id, message, trusted_comment, |bytes| self.signing.sign(bytes).to_bytes())
    }

    /// The two-line file that [`SecretKeyFile`] and minisign read. To be written with mode 0600.
    pub fn to_file(&self, protection: Protection<'_>) -> Result<Zeroizing<String>, KeyError> {
        self.to_file_with(protection, Limits::SENSITIVE)
    }

    fn to_file_with(&self, protection: Protection<'_>, limits: Limits) -> Result<Zeroizing<String>, KeyError> {
        let mut body = self.body();
        let (what, kdf, lock) = match protection {
            Protection::None => ("minisign secret key", KDF_NONE, [0; SALT_BYTES + 16]),
            Protection::Password(password) => {
                check_password(password)?;
                let mut salt = [0; SALT_BYTES];
                getrandom::fill(&mut salt).map_err(KeyError::Random)?;
                let lock = Lock { salt, limits };
                lock.apply(&mut body, password)?;
                ("minisign encrypted secret key", KDF_SCRYPT, lock.to_bytes())
            }
        };
        let bytes =
            Zeroizing::new([&KEY_ALGORITHM, &kdf, &CHECKSUM_BLAKE2B, lock.as_slice(), body.as_slice()].concat());
        let line = Zeroizing::new(text::encode(&bytes));
        Ok(Zeroizing::new(format!("{UNTRUSTED_COMMENT}{what}\n{}\n", line.as_str())))
    }

    fn body(&self) -> Body {
        let id = self.id.to_bytes();
        let point = self.signing.verifying_key();
        let checksum = checksum(id, self.signing.as_bytes(), point.as_bytes());
        let mut body = Zeroizing::new([0; BODY_BYTES]);
        let fields = [id.as_slice(), self.signing.as_bytes(), point.as_bytes(), checksum.as_slice()];
        for (to, from) in body.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        body
    }

    /// Reads what a password protects, once it is in the clear. `None` if the checksum is wrong.
    fn from_body(body: &Body, unlocked: bool) -> Result<Option<Self>, KeyError> {
        let mut fields = Fields::new(body.as_slice());
        let id = *fields.take()?;
        let seed = fields.take()?;
        let point: &[u8; POINT_BYTES] = fields.take()?;
        let found: &[u8; CHECKSUM_BYTES] = fields.take()?;
        let right = bool::from(checksum(id, seed, point).ct_eq(found));
        // `minisign -G -W` leaves the checksum at zero, `minisign -C -W` does not.
        let absent = !unlocked && *found == [0; CHECKSUM_BYTES];
        if !right && !absent {
            return Ok(None);
        }
        let key = Self::from_seed(KeyId::from_bytes(id), seed);
        if key.signing.verifying_key().as_bytes() != point {
            return Err(KeyError::PublicHalf { id: key.id });
        }
        Ok(Some(key))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SecretKeyFile {
    /// Reads a secret key file: an untrusted comment, which is dropped, and the key. The caller
    /// wipes the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let [comment, line] = text::lines(text)?;
        text::comment(comment, 1, UNTRUSTED_COMMENT)?;
        let bytes = text::decode(line, FILE_BYTES)?;
        let mut fields = Fields::new(&bytes);
        expect("signature algorithm", *fields.take()?, &[KEY_ALGORITHM])?;
        let kdf = expect("key derivation", *fields.take()?, &[KDF_NONE, KDF_SCRYPT])?;
        expect("checksum", *fields.take()?, &[CHECKSUM_BLAKE2B])?;
        let salt = *fields.take()?;
        let operations = u64::from_le_bytes(*fields.take()?);
        let memory_bytes = u64::from_le_bytes(*fields.take()?);
        let body = Zeroizing::new(*fields.take()?);
        let lock = if kdf == KDF_SCRYPT {
            let limits = Limits::new(operations, memory_bytes).ok_or(KeyError::Limits { operations, memory_bytes })?;
            Some(Lock { salt, limits })
        } else {
            None
        };
        Ok(Self { lock, body })
    }

    /// Whether [`SecretKeyFile::unlock`] needs a password.
    pub fn needs_password(&self) -> bool {
        self.lock.is_some()
    }

    /// Opens the key. Takes about a second and 1 GiB of memory if it is protected; a password for a
    /// key that is not is ignored. May be tried again after [`KeyError::WrongPassword`].
    pub fn unlock(&self, password: Option<&[u8]>) -> Result<SecretKey, KeyError> {
        let mut body = self.body.clone();
        let Some(lock) = &self.lock else {
            return SecretKey::from_body(&body, false)?.ok_or(KeyError::Damaged);
        };
        lock.apply(&mut body, password.ok_or(KeyError::PasswordNeeded)?)?;
        SecretKey::from_body(&body, true)?.ok_or(KeyError::WrongPassword)
    }
}

impl fmt::Debug for SecretKeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKeyFile").field("needs_password", &self.needs_password()).finish_non_exhaustive()
    }
}

impl Lock {
    /// Locks what is open, and opens what is locked: the body is XORed with scrypt's output.
    fn apply(&self, body: &mut Body, password: &[u8]) -> Result<(), KeyError> {
        let stream: Body =
            self.limits.derive(password, &self.salt).map_err(|OutOfMemory { bytes }| KeyError::Memory { bytes })?;
        for (byte, mask) in body.iter_mut().zip(stream.iter()) {
            *byte ^= mask;
        }
        Ok(())
    }

    fn to_bytes(&self) -> [u8; SALT_BYTES + 16] {
        let operations = self.limits.operations().to_le_bytes();
        let memory = self.limits.memory_bytes().to_le_bytes();
        let mut bytes = [0; SALT_BYTES + 16];
        for (to, from) in bytes.iter_mut().zip(self.salt.iter().chain(&operations).chain(&memory)) {
            *to = *from;
        }
        bytes
    }
}

fn checksum(id: [u8; 8], seed: &[u8; SEED_BYTES], point: &[u8; POINT_BYTES]) -> Zeroizing<[u8; CHECKSUM_BYTES]> {
    let hasher = Blake2b::<U32>::new_with_prefix(KEY_ALGORITHM);
    Zeroizing::new(hasher.chain_update(id).chain_update(seed).chain_update(point).finalize().into())
}

fn check_password(password: &[u8]) -> Result<(), KeyError> {
    let fits = (1..=MAX_PASSWORD_BYTES).contains(&password.len());
    if fits && !password.iter().any(|byte| b"\0\r\n".contains(byte)) { Ok(()) } else { Err(KeyError::UnusablePassword) }
}

fn expect(what: &'static str, found: [u8; 2], known: &[[u8; 2]]) -> Result<[u8; 2], KeyError> {
    if known.contains(&found) { Ok(found) } else { Err(KeyError::Algorithm { what, found }) }
}
