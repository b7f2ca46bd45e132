//! A secret key's file. One that asks for a password is parsed only: scrypt takes seconds on purpose.

use crate::{ReadOutcome, Target, key, none};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall_keys::{Protection, SecretKey, SecretKeyFile, TrustedKeys};

/// A key that can be unlocked makes signatures that its public half verifies, and is written so that it can be unlocked again.
pub(crate) const TARGET: Target = Target { name: "secret_key", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(text) = std::str::from_utf8(input) else { return ReadOutcome::Refused };
    let Ok(file) = SecretKeyFile::parse(text) else { return ReadOutcome::Refused };
    if file.needs_password() {
        return ReadOutcome::Accepted;
    }
    let Ok(key) = file.unlock(None) else { return ReadOutcome::Refused };
    let signature = key.sign(input, "").expect("an empty comment is valid");
    let trusted = TrustedKeys::new(vec![key.public_key()], 1).expect("one key meets a threshold of one");
    trusted.verify(input.to_vec(), &[signature]).expect("the public half belongs to the secret one");
    let again = key.to_file(Protection::None).expect("no password, no memory");
    let again = SecretKeyFile::parse(&again).and_then(|file| file.unlock(None));
    assert_eq!(again.as_ref().map(SecretKey::public_key).ok(), Some(key.public_key()));
    ReadOutcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    vec![key::FILE.as_bytes().to_vec(), locked(), without_checksum()]
}

/// A file that asks for a password, with the least work that is allowed. Its body opens with none.
fn locked() -> Vec<u8> {
    changed(|bytes| {
        bytes[2..4].copy_from_slice(b"Sc");
        bytes[38..46].copy_from_slice(&32_768_u64.to_le_bytes());
        bytes[46..54].copy_from_slice(&(16_u64 << 20).to_le_bytes());
    })
}

/// As `minisign -G -W` writes it: with zeros where the checksum is.
fn without_checksum() -> Vec<u8> {
    changed(|bytes| bytes[126..].fill(0))
}

fn changed(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let (comment, line) = key::FILE.trim_end().split_once('\n').expect("two lines");
    let mut bytes = STANDARD.decode(line).expect("base64");
    change(&mut bytes);
    format!("{comment}\n{}\n", STANDARD.encode(bytes)).into_bytes()
}
