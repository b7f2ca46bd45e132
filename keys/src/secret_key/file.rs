//! The two-line file that holds a secret key.

use std::fmt;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{KeyError, SEED_BYTES, SecretKey};
use crate::ed25519::POINT_BYTES;
use crate::kdf::{Limits, OutOfMemory, SALT_BYTES};
use crate::key_id::KeyId;
use crate::public_key::KEY_ALGORITHM;
use crate::text::{self, Fields, TextError, UNTRUSTED_COMMENT};

/// The longest password, in bytes: minisign reads no more.
pub const MAX_PASSWORD_BYTES: usize = 1023;

/// No password.
const KDF_NONE: [u8; 2] = [0, 0];

/// `Sc`: scrypt.
const KDF_SCRYPT: [u8; 2] = *b"Sc";

/// `B2`: the checksum is BLAKE2b-256.
const CHECKSUM_BLAKE2B: [u8; 2] = *b"B2";

const CHECKSUM_BYTES: usize = 32;

/// The part that a password protects: key id, seed, public key, checksum.
const BODY_BYTES: usize = 8 + SEED_BYTES + POINT_BYTES + CHECKSUM_BYTES;

/// Bytes under the base64: three algorithms, salt, two limits, body.
const FILE_BYTES: usize = 3 * 2 + SALT_BYTES + 2 * 8 + BODY_BYTES;

/// How a secret key is written.
#[derive(Clone, Copy)]
pub enum Protection<'a> {
    /// In the clear, as `minisign -G -W` writes it: anyone who reads the file can sign.
    None,
    /// Under a password, with minisign's own parameters: two to three seconds and 1 GiB of memory each
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

impl SecretKey {
    /// The two-line file that [`SecretKeyFile`] and minisign read. To be written with mode 0600.
    pub fn to_file(&self, protection: Protection<'_>) -> Result<Zeroizing<String>, KeyError> {
        self.to_file_with(protection, Limits::SENSITIVE)
    }

    pub(super) fn to_file_with(
        &self,
        protection: Protection<'_>,
        limits: Limits,
    ) -> Result<Zeroizing<String>, KeyError> {
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
        // Sized in advance: a growing buffer would leave copies of the secret in memory that are never wiped.
        let pieces = [UNTRUSTED_COMMENT, what, "\n", &line, "\n"];
        Ok(Zeroizing::new(pieces.concat()))
    }

    fn body(&self) -> Body {
        let id = self.id.to_bytes();
        let point = self.signing.verifying_key();
        let checksum = checksum(id, self.signing.as_bytes(), point.as_bytes());
        let mut body = Zeroizing::new([0; BODY_BYTES]);
        // Copied into the wiped buffer: `concat` would leave a second copy of the seed that nothing wipes.
        let fields = [id.as_slice(), self.signing.as_bytes(), point.as_bytes(), checksum.as_slice()];
        for (to, from) in body.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        body
    }

    /// The key in a body whose checksum matches.
    fn from_body(body: &Body) -> Result<Self, KeyError> {
        let BodyFields { id, seed, point, .. } = BodyFields::of(body)?;
        let key = Self::from_seed(KeyId::from_bytes(*id), seed);
        // Ed25519 hashes the public half into each signature: one message signed with two halves gives the seed away
        // (RUSTSEC-2022-0093).
        if key.signing.verifying_key().as_bytes() != point {
            return Err(KeyError::PublicHalf { id: key.id });
        }
        Ok(key)
    }
}

impl SecretKeyFile {
    /// Reads a secret key file: an untrusted comment, which is dropped, and the key. The caller
    /// wipes the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        // The two lines of https://jedisct1.github.io/minisign/, "Secret key format": an untrusted comment, and base64(signature
        // algorithm || KDF algorithm || checksum algorithm || KDF salt || operations || memory || encrypted or plain body).
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
            // Checked before scrypt runs: the limits come from the file.
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

    /// Opens the key. Takes two to three seconds and 1 GiB of memory if it is protected; a password for a
    /// key that is not is ignored. May be tried again after [`KeyError::WrongPassword`].
    pub fn unlock(&self, password: Option<&[u8]>) -> Result<SecretKey, KeyError> {
        let Some(lock) = &self.lock else {
            // `minisign -G -W` leaves the checksum at zero, `minisign -C -W` and we do not.
            return match Checksum::of(&self.body)? {
                Checksum::Right | Checksum::Zero => SecretKey::from_body(&self.body),
                Checksum::Wrong => Err(KeyError::Damaged),
            };
        };
        // A copy is opened, so that another password can be tried after a wrong one.
        let mut body = self.body.clone();
        lock.apply(&mut body, password.ok_or(KeyError::PasswordNeeded)?)?;
        match Checksum::of(&body)? {
            Checksum::Right => SecretKey::from_body(&body),
            // The checksum is encrypted with the rest: it is all that tells a wrong password from the right one.
            Checksum::Zero | Checksum::Wrong => Err(KeyError::WrongPassword),
        }
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

/// What a body holds, once it is in the clear.
struct BodyFields<'a> {
    id: &'a [u8; 8],
    seed: &'a [u8; SEED_BYTES],
    point: &'a [u8; POINT_BYTES],
    checksum: &'a [u8; CHECKSUM_BYTES],
}

impl<'a> BodyFields<'a> {
    fn of(body: &'a Body) -> Result<Self, TextError> {
        let mut fields = Fields::new(body.as_slice());
        Ok(Self { id: fields.take()?, seed: fields.take()?, point: fields.take()?, checksum: fields.take()? })
    }
}

/// How the checksum in a body compares with what it should be.
enum Checksum {
    Right,
    Zero,
    Wrong,
}

impl Checksum {
    fn of(body: &Body) -> Result<Self, TextError> {
        let BodyFields { id, seed, point, checksum: found } = BodyFields::of(body)?;
        // In constant time, since the checksum is over the secret.
        if checksum(*id, seed, point).ct_eq(found).into() {
            return Ok(Self::Right);
        }
        Ok(if *found == [0; CHECKSUM_BYTES] { Self::Zero } else { Self::Wrong })
    }
}

fn checksum(id: [u8; 8], seed: &[u8; SEED_BYTES], point: &[u8; POINT_BYTES]) -> Zeroizing<[u8; CHECKSUM_BYTES]> {
    let hasher = Blake2b::<U32>::new_with_prefix(KEY_ALGORITHM);
    Zeroizing::new(hasher.chain_update(id).chain_update(seed).chain_update(point).finalize().into())
}

fn check_password(password: &[u8]) -> Result<(), KeyError> {
    // minisign reads a password up to the end of a line, as a C string: it could not be given one with these bytes.
    let fits = (1..=MAX_PASSWORD_BYTES).contains(&password.len());
    if fits && !password.iter().any(|byte| b"\0\r\n".contains(byte)) { Ok(()) } else { Err(KeyError::UnusablePassword) }
}

fn expect(what: &'static str, found: [u8; 2], known: &[[u8; 2]]) -> Result<[u8; 2], KeyError> {
    if known.contains(&found) { Ok(found) } else { Err(KeyError::Algorithm { what, found }) }
}
