use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::kdf::Limits;
use crate::text;

/// Made by `minisign -G -W`, 0.11, together with the public key 569FAEB9264D2878.
const PLAIN: &str = "untrusted comment: minisign encrypted secret key\n\
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAeChNJrmun1ZqnFmOzNRP/s9PmSSwHrJM\
    dvLjSxq/c1shQQ6lYtlqmbnJjkcc3fswNv4WVzRuFSOeRfZho+3KHtQk8gtcnEscAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// The offsets of the fields of a secret key in its 158 bytes.
const OPERATIONS: Range<usize> = 38..46;
const MEMORY: Range<usize> = 46..54;
const BODY: Range<usize> = 54..158;
const PUBLIC_HALF: Range<usize> = 94..126;
const CHECKSUM: Range<usize> = 126..158;

/// Cheap enough to be run often: minisign's own limits are tried with minisign itself.
fn protected(key: &SecretKey, password: &[u8]) -> String {
    key.to_file_with(Protection::Password(password), Limits::CHEAPEST).unwrap().to_string()
}

fn plain(key: &SecretKey) -> String {
    key.to_file(Protection::None).unwrap().to_string()
}

fn bytes_of(file: &str) -> Vec<u8> {
    text::decode(file.lines().nth(1).unwrap(), 158).unwrap().to_vec()
}

fn file_of(bytes: &[u8]) -> String {
    format!("untrusted comment: test\n{}\n", text::encode(bytes))
}

/// The file with the field at `range` replaced.
fn with(file: &str, range: Range<usize>, field: &[u8]) -> String {
    let mut bytes = bytes_of(file);
    bytes[range].copy_from_slice(field);
    file_of(&bytes)
}

fn open(file: &str, password: Option<&[u8]>) -> Result<SecretKey, KeyError> {
    SecretKeyFile::parse(file)?.unlock(password)
}

fn same(a: &SecretKey, b: &SecretKey) -> bool {
    a.id() == b.id() && a.signing.as_bytes() == b.signing.as_bytes()
}

#[test]
fn reads_an_unprotected_key_of_minisign() {
    let file = SecretKeyFile::parse(PLAIN).unwrap();
    assert!(!file.needs_password());
    let key = file.unlock(None).unwrap();
    assert_eq!(key.public_key().to_line(), "RWR4KE0mua6fVrnJjkcc3fswNv4WVzRuFSOeRfZho+3KHtQk8gtcnEsc");
    assert!(same(&open(&PLAIN.replace('\n', "\r\n"), Some(b"ignored")).unwrap(), &key));
}

#[test]
fn generates_another_key_each_time() {
    let (a, b) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    assert_ne!(a.id(), b.id());
    assert!(!a.public_key().same_signer(&b.public_key()));
}

#[test]
fn opens_a_protected_key_with_its_password_alone() {
    let key = SecretKey::generate().unwrap();
    let file = protected(&key, b"correct horse");
    let locked = SecretKeyFile::parse(&file).unwrap();
    assert!(locked.needs_password());
    assert!(matches!(locked.unlock(None), Err(KeyError::PasswordNeeded)));
    for wrong in [b"".as_slice(), b"correct horsf", b"correct horse\n"] {
        assert!(matches!(locked.unlock(Some(wrong)), Err(KeyError::WrongPassword)));
    }
    assert!(same(&locked.unlock(Some(b"correct horse")).unwrap(), &key));
}

#[test]
fn protects_the_same_key_differently_each_time() {
    let key = SecretKey::generate().unwrap();
    let (a, b) = (bytes_of(&protected(&key, b"a")), bytes_of(&protected(&key, b"a")));
    assert_ne!(a[6..38], b[6..38], "the salt");
    assert_ne!(a[BODY], b[BODY]);
}

#[test]
fn refuses_passwords_that_minisign_could_not_be_given() {
    let key = SecretKey::generate().unwrap();
    for password in [b"".as_slice(), b"a\n", b"a\r", b"a\0b", &[b'a'; MAX_PASSWORD_BYTES + 1]] {
        let refused = key.to_file(Protection::Password(password));
        assert!(matches!(refused, Err(KeyError::UnusablePassword)), "{password:?}");
    }
    let longest = [b'a'; MAX_PASSWORD_BYTES];
    assert!(same(&open(&protected(&key, &longest), Some(&longest)).unwrap(), &key));
}

#[test]
fn refuses_a_public_half_that_is_not_the_seeds() {
    let key = SecretKey::generate().unwrap();
    let other = SecretKey::generate().unwrap();
    // Without a checksum, as minisign leaves it, and so with nothing else to notice it.
    let file = with(PLAIN, PUBLIC_HALF, other.public_key().as_bytes());
    let id = open(PLAIN, None).unwrap().id();
    assert!(matches!(open(&file, None), Err(KeyError::PublicHalf { id: found }) if found == id));
    let file = with(&plain(&key), PUBLIC_HALF, other.public_key().as_bytes());
    assert!(matches!(open(&file, None), Err(KeyError::Damaged)));
}

#[test]
fn refuses_a_protected_key_without_checksum() {
    let key = SecretKey::generate().unwrap();
    let (mut open_bytes, locked) = (bytes_of(&plain(&key)), bytes_of(&protected(&key, b"a")));
    let stream: Vec<u8> = open_bytes[BODY].iter().zip(&locked[BODY]).map(|(a, b)| a ^ b).collect();
    open_bytes[CHECKSUM].fill(0);
    let body: Vec<u8> = open_bytes[BODY].iter().zip(stream).map(|(a, b)| a ^ b).collect();
    let file = with(&file_of(&locked), BODY, &body);
    assert!(matches!(open(&file, Some(b"a")), Err(KeyError::WrongPassword)));
}

#[test]
fn refuses_algorithms_that_minisign_does_not_write() {
    let table = [(0..2, "signature algorithm", *b"ED"), (2..4, "key derivation", *b"sc"), (4..6, "checksum", [0, 0])];
    for (range, what, field) in table {
        let error = SecretKeyFile::parse(&with(PLAIN, range, &field)).unwrap_err();
        assert!(matches!(error, KeyError::Algorithm { what: w, found } if w == what && found == field), "{error}");
    }
}

#[test]
fn refuses_to_work_harder_than_minisign_or_less() {
    let file = protected(&SecretKey::generate().unwrap(), b"a");
    let table = [(OPERATIONS, 0), (OPERATIONS, u64::MAX), (MEMORY, 0), (MEMORY, (1 << 30) + 1)];
    for (range, limit) in table {
        let error = SecretKeyFile::parse(&with(&file, range, &limit.to_le_bytes())).unwrap_err();
        let KeyError::Limits { operations, memory_bytes } = error else { panic!("{error}") };
        assert!(operations == limit || memory_bytes == limit);
    }
    // Without a password there is no work to bound, and `minisign -C -W` leaves the limits behind.
    open(&with(PLAIN, OPERATIONS, &[0xff; 8]), None).unwrap();
}

#[test]
fn refuses_files_that_are_not_framed_as_secret_keys() {
    let line = PLAIN.lines().nth(1).unwrap();
    let table = [
        (String::new(), TextError::MissingLine { line: 2, lines: 2 }),
        (line.to_owned(), TextError::MissingLine { line: 2, lines: 2 }),
        (format!("{PLAIN}more"), TextError::TrailingText { lines: 2 }),
        (PLAIN.replace("untrusted", ""), TextError::NoPrefix { line: 1, prefix: "untrusted comment: " }),
        (PLAIN.replace("AAA=\n", "AAA\n"), TextError::Base64Length { expected: 212, found: 211 }),
        (PLAIN.replace("AAA=\n", "AAB=\n"), TextError::NotBase64),
    ];
    for (file, expected) in table {
        let error = SecretKeyFile::parse(&file).unwrap_err();
        assert!(matches!(error, KeyError::Text(found) if found == expected), "{file:?}: {error:?}");
    }
}

#[test]
fn never_prints_the_secret() {
    let key = open(PLAIN, None).unwrap();
    assert_eq!(format!("{key:?}"), "SecretKey { id: KeyId(569FAEB9264D2878), .. }");
    assert_eq!(format!("{:?}", SecretKeyFile::parse(PLAIN).unwrap()), "SecretKeyFile { needs_password: false, .. }");
}

/// Every bit of the protected part, and of what decides how it is opened.
#[test]
fn refuses_every_flipped_bit_or_opens_the_same_key() {
    let key = SecretKey::generate().unwrap();
    let bytes = bytes_of(&plain(&key));
    let mut refused = 0;
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match open(&file_of(&bytes), Some(b"")) {
            Ok(opened) => assert!(same(&opened, &key) && (6..BODY.start).contains(&(bit / 8)), "bit {bit}"),
            Err(_) => refused += 1,
        }
    }
    assert_eq!(refused, (6 + BODY.len()) * 8, "only what a plain key has no use for may change");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn round_trips_under_any_protection(id: [u8; 8], seed: [u8; 32], password in "[^\r\n\0]{1,60}") {
        let key = SecretKey::from_seed(KeyId::from_bytes(id), &seed);
        prop_assert!(same(&open(&plain(&key), None).unwrap(), &key));
        let file = protected(&key, password.as_bytes());
        prop_assert!(same(&open(&file, Some(password.as_bytes())).unwrap(), &key));
    }

    #[test]
    fn refuses_any_flipped_byte_of_a_protected_key(at in BODY, flip in 1..=u8::MAX) {
        let file = protected(&SecretKey::from_seed(KeyId::from_bytes([1; 8]), &[2; 32]), b"a");
        let mut bytes = bytes_of(&file);
        bytes[at] ^= flip;
        prop_assert!(matches!(open(&file_of(&bytes), Some(b"a")), Err(KeyError::WrongPassword)));
    }

    #[test]
    fn never_panics_on_any_text(text: String) {
        let _ = SecretKeyFile::parse(&text);
        let _ = SecretKeyFile::parse(&format!("untrusted comment: \n{text}"));
    }
}
