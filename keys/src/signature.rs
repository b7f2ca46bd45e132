//! Detached signatures: the four-line file.

use std::fmt;

use thiserror::Error;

use crate::ed25519::{Prehash, SIGNATURE_BYTES};
use crate::key_id::KeyId;
use crate::public_key::PublicKey;
use crate::text::{self, Fields, MAX_FILE_BYTES, TRUSTED_COMMENT, TextError, UNTRUSTED_COMMENT};

/// The longest trusted comment, in bytes: room for a product, a version and a serial, and what else
/// a signer may want to say, well inside [`MAX_FILE_BYTES`]. minisign allows 8 KiB.
const MAX_TRUSTED_COMMENT_BYTES: usize = 2048;

/// `ED`: Ed25519 over the message's BLAKE2b-512 digest.
const PREHASHED: [u8; 2] = *b"ED";

/// `Ed`: Ed25519 over the message itself, which minisign calls the legacy format.
const LEGACY: [u8; 2] = *b"Ed";

/// Bytes under the base64 of a signature: algorithm, key id, signature.
const BODY_BYTES: usize = 2 + 8 + SIGNATURE_BYTES;

/// The text after the first line's prefix: minisign's own, so that both programs write the same file.
const DEFAULT_COMMENT: &str = "signature from minisign secret key";

/// A detached signature. Until [`TrustedKeys::verify`](crate::TrustedKeys::verify) has accepted it,
/// everything in it is a claim.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    key_id: KeyId,
    over_message: [u8; SIGNATURE_BYTES],
    trusted_comment: String,
    over_comment: [u8; SIGNATURE_BYTES],
}

/// Why bytes are not a signature file, or a comment cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Not framed as a signature.
    #[error("not a minisign signature")]
    Text(#[from] TextError),
    /// The legacy format.
    #[error("the signature by key {key_id} is in minisign's legacy format: sign again without -l")]
    Legacy {
        /// The key that the signature names.
        key_id: KeyId,
    },
    /// Neither prehashed Ed25519 nor its legacy form.
    #[error("the signature's algorithm is {:?}, not \"ED\"", String::from_utf8_lossy(.found))]
    Algorithm {
        /// The two bytes that are there.
        found: [u8; 2],
    },
    /// A trusted comment that minisign would refuse or cut.
    #[error("the trusted comment is {found} bytes long, at most {MAX_TRUSTED_COMMENT_BYTES} are signed and read")]
    CommentTooLong {
        /// The length in bytes.
        found: usize,
    },
    /// A trusted comment that would not stay on its line, or could deceive a terminal.
    #[error("the trusted comment contains a control character")]
    CommentControlCharacter,
    /// Valid, but not in the one form in which [`Signature::to_file`] writes it.
    #[error("the signature by key {key_id} is not in its canonical form: another comment or other line ends")]
    NotCanonical {
        /// The key that the signature names.
        key_id: KeyId,
    },
}

impl Signature {
    /// Reads a signature file of at most [`MAX_FILE_BYTES`]. The untrusted comment is dropped.
    pub fn parse(file: &[u8]) -> Result<Self, SignatureError> {
        if file.len() > MAX_FILE_BYTES {
            return Err(TextError::TooLong { found: file.len() }.into());
        }
        let text = str::from_utf8(file).map_err(|_| TextError::NotUtf8)?;
        // The four lines of https://jedisct1.github.io/minisign/, "Signature format":
        let [untrusted, body, trusted, global] = text::lines(text)?;
        // 1. The untrusted comment, which no signature covers.
        text::comment(untrusted, 1, UNTRUSTED_COMMENT)?;
        // 2. base64(algorithm || key id || signature over the message's BLAKE2b-512 digest).
        let (key_id, over_message) = parse_body(body)?;
        // 3. The trusted comment.
        let trusted_comment = text::comment(trusted, 3, TRUSTED_COMMENT)?;
        check_comment(trusted_comment)?;
        // 4. base64(signature over the signature of line 2 || the trusted comment), minisign's global signature.
        let over_comment = text::decode(global, SIGNATURE_BYTES)?;
        Ok(Self {
            key_id,
            over_message,
            trusted_comment: trusted_comment.to_owned(),
            over_comment: *Fields::new(&over_comment).take()?,
        })
    }

    /// Like [`Signature::parse`], for a place where no byte may vary: the file must be exactly what
    /// [`Signature::to_file`] writes, untrusted comment and line ends included. Changes of the
    /// signed part are found by verification, and changes of the rest by this.
    pub fn parse_canonical(file: &[u8]) -> Result<Self, SignatureError> {
        let signature = Self::parse(file)?;
        if signature.to_file().as_bytes() != file {
            return Err(SignatureError::NotCanonical { key_id: signature.key_id });
        }
        Ok(signature)
    }

    /// The four-line file, with the same untrusted comment as minisign's.
    pub fn to_file(&self) -> String {
        let body = [&PREHASHED, self.key_id.to_bytes().as_slice(), &self.over_message].concat();
        format!(
            "{UNTRUSTED_COMMENT}{DEFAULT_COMMENT}\n{}\n{TRUSTED_COMMENT}{}\n{}\n",
            text::encode(&body),
            self.trusted_comment,
            text::encode(&self.over_comment),
        )
    }

    /// The id of the key that the signature names. Not covered by the signature.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The trusted comment, unverified. After verification, ask
    /// [`Signer::trusted_comment`](crate::Signer::trusted_comment).
    pub(crate) fn unverified_trusted_comment(&self) -> &str {
        &self.trusted_comment
    }

    /// Makes a signature out of what `sign` returns for the prehash, and for that and the comment.
    pub(crate) fn make(
        key_id: KeyId,
        message: &[u8],
        trusted_comment: &str,
        sign: impl Fn(&[u8]) -> [u8; SIGNATURE_BYTES],
    ) -> Result<Self, SignatureError> {
        check_comment(trusted_comment)?;
        let over_message = sign(Prehash::of(message).as_bytes());
        let over_comment = sign(&globally_signed(&over_message, trusted_comment));
        Ok(Self { key_id, over_message, trusted_comment: trusted_comment.to_owned(), over_comment })
    }

    /// Whether `key` made both signatures: the one over the message, and the one over that and the
    /// trusted comment. Looks at the key alone, not at its id.
    pub(crate) fn is_by(&self, key: &PublicKey, message: &Prehash) -> bool {
        let globally_signed = globally_signed(&self.over_message, &self.trusted_comment);
        // Both must hold: with the first alone, the trusted comment of one release could be put under another.
        key.point().verify(message.as_bytes(), &self.over_message)
            && key.point().verify(&globally_signed, &self.over_comment)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature")
            .field("key_id", &self.key_id)
            .field("unverified_trusted_comment", &self.trusted_comment)
            .finish_non_exhaustive()
    }
}

fn parse_body(line: &str) -> Result<(KeyId, [u8; SIGNATURE_BYTES]), SignatureError> {
    let bytes = text::decode(line, BODY_BYTES)?;
    let mut fields = Fields::new(&bytes);
    // The id is read before the algorithm is judged, so that a refusal can name the key.
    let algorithm = *fields.take()?;
    let key_id = KeyId::from_bytes(*fields.take()?);
    match algorithm {
        PREHASHED => Ok((key_id, *fields.take()?)),
        LEGACY => Err(SignatureError::Legacy { key_id }),
        found => Err(SignatureError::Algorithm { found }),
    }
}

fn check_comment(comment: &str) -> Result<(), SignatureError> {
    if comment.len() > MAX_TRUSTED_COMMENT_BYTES {
        return Err(SignatureError::CommentTooLong { found: comment.len() });
    }
    if text::has_control_character(comment) {
        return Err(SignatureError::CommentControlCharacter);
    }
    Ok(())
}

fn globally_signed(signature: &[u8; SIGNATURE_BYTES], trusted_comment: &str) -> Vec<u8> {
    [signature.as_slice(), trusted_comment.as_bytes()].concat()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SecretKey;

    fn signed(comment: &str) -> Signature {
        SecretKey::from_seed(KeyId::from_bytes([1; 8]), &[7; 32]).sign(b"message", comment).unwrap()
    }

    /// The signature file with its second line replaced by `algorithm` and what must follow it.
    fn with_algorithm(algorithm: [u8; 2]) -> String {
        let body = [algorithm.as_slice(), &[1; 8], &[0; SIGNATURE_BYTES]].concat();
        with_line(2, &text::encode(&body))
    }

    fn with_line(number: usize, line: &str) -> String {
        let file = signed("comment").to_file();
        let mut lines: Vec<&str> = file.lines().collect();
        *lines.get_mut(number - 1).unwrap() = line;
        lines.join("\n") + "\n"
    }

    #[test]
    fn signs_the_same_inputs_with_the_same_bytes() {
        assert_eq!(signed("a"), signed("a"));
        assert_ne!(signed("a").to_file(), signed("b").to_file());
    }

    #[test]
    fn reads_what_it_writes_and_line_ends_of_either_kind() {
        let signature = signed("product=acme version=1.4.0 serial=12");
        let file = signature.to_file();
        assert_eq!(file.lines().count(), 4);
        for text in [file.clone(), file.replace('\n', "\r\n"), file.trim_end().to_owned()] {
            assert_eq!(Signature::parse(text.as_bytes()).as_ref(), Ok(&signature), "{text:?}");
        }
        assert_eq!(signature.unverified_trusted_comment(), "product=acme version=1.4.0 serial=12");
    }

    #[test]
    fn refuses_files_that_are_not_signatures() {
        let key_id = KeyId::from_bytes([1; 8]);
        let long = "a".repeat(MAX_TRUSTED_COMMENT_BYTES + 1);
        let file = signed("comment").to_file();
        let length = |expected, found| SignatureError::Text(TextError::Base64Length { expected, found });
        let text = SignatureError::Text;
        let table = [
            (String::new(), text(TextError::MissingLine { line: 2, lines: 4 })),
            (" ".repeat(MAX_FILE_BYTES + 1), text(TextError::TooLong { found: MAX_FILE_BYTES + 1 })),
            (format!("{file}\n"), text(TextError::TrailingText { lines: 4 })),
            (with_line(1, ""), text(TextError::NoPrefix { line: 1, prefix: UNTRUSTED_COMMENT })),
            (with_line(1, "untrusted comment: \u{8}"), text(TextError::ControlCharacter { line: 1 })),
            (with_line(2, "RUQ="), length(100, 4)),
            (with_line(2, &"=".repeat(100)), text(TextError::NotBase64)),
            (with_line(3, "comment: a"), text(TextError::NoPrefix { line: 3, prefix: TRUSTED_COMMENT })),
            (with_line(3, "trusted comment: a\rb"), text(TextError::ControlCharacter { line: 3 })),
            (with_line(4, ""), length(88, 0)),
            (with_line(4, &"A".repeat(88)), text(TextError::NotBase64)),
            (with_algorithm(*b"Ed"), SignatureError::Legacy { key_id }),
            (with_algorithm(*b"XX"), SignatureError::Algorithm { found: *b"XX" }),
            (with_line(3, &format!("trusted comment: {long}")), SignatureError::CommentTooLong { found: long.len() }),
        ];
        for (file, expected) in table {
            assert_eq!(Signature::parse(file.as_bytes()), Err(expected), "{file:?}");
        }
        assert_eq!(Signature::parse(&[0xff]), Err(text(TextError::NotUtf8)));
    }

    #[test]
    fn refuses_to_sign_a_comment_that_would_not_be_read_back() {
        let key = SecretKey::generate().unwrap();
        let longest = "ü".repeat(MAX_TRUSTED_COMMENT_BYTES / 2);
        Signature::parse(key.sign(b"", &longest).unwrap().to_file().as_bytes()).unwrap();
        let found = longest.len() + 1;
        assert_eq!(key.sign(b"", &(longest + "a")), Err(SignatureError::CommentTooLong { found }));
        for comment in ["a\nb", "a\r", "\u{1b}[0m", "\0"] {
            assert_eq!(key.sign(b"", comment), Err(SignatureError::CommentControlCharacter), "{comment:?}");
        }
    }

    #[test]
    fn reads_a_canonical_file_in_one_form_only() {
        let file = signed("comment").to_file();
        let key_id = KeyId::from_bytes([1; 8]);
        assert_eq!(Signature::parse_canonical(file.as_bytes()), Ok(signed("comment")));
        let others =
            [file.replace('\n', "\r\n"), file.trim_end().to_owned(), with_line(1, "untrusted comment: another")];
        for other in others {
            Signature::parse(other.as_bytes()).unwrap();
            let refused = Signature::parse_canonical(other.as_bytes());
            assert_eq!(refused, Err(SignatureError::NotCanonical { key_id }), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(id: [u8; 8], seed: [u8; 32], message: Vec<u8>, comment in "[^\\p{Cc}]{0,100}") {
            let key = SecretKey::from_seed(KeyId::from_bytes(id), &seed);
            let signature = key.sign(&message, &comment).unwrap();
            prop_assert_eq!(Signature::parse_canonical(signature.to_file().as_bytes()), Ok(signature.clone()));
            prop_assert!(signature.is_by(&key.public_key(), &Prehash::of(&message)));
        }

        #[test]
        fn never_panics_on_any_bytes(bytes: Vec<u8>, text: String) {
            let _ = Signature::parse(&bytes);
            let _ = Signature::parse(format!("{UNTRUSTED_COMMENT}{text}\n{text}").as_bytes());
        }
    }
}
