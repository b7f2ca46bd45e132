//! The framing that all of minisign's files share: a fixed number of lines, comments with a prefix,
//! base64 of a fixed length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

/// The longest key or signature file that is read, in bytes. The longest that minisign writes by
/// default is under 400; the rest is room for comments.
pub const MAX_FILE_BYTES: usize = 4096;

/// What an untrusted comment begins with. Nothing vouches for the text that follows.
pub(crate) const UNTRUSTED_COMMENT: &str = "untrusted comment: ";

/// What a signature's trusted comment begins with. The prefix itself is not signed.
pub(crate) const TRUSTED_COMMENT: &str = "trusted comment: ";

/// Why a text is not framed as minisign's files are. Never quotes the text: it may be a secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// Longer than [`MAX_FILE_BYTES`].
    #[error("the file is {found} bytes long, at most {MAX_FILE_BYTES} are read")]
    TooLong {
        /// The length in bytes.
        found: usize,
    },
    /// Not UTF-8, so neither base64 nor a comment that can be shown.
    #[error("the file is not UTF-8 text")]
    NotUtf8,
    /// The file ends too early.
    #[error("line {line} is missing: {lines} lines are expected")]
    MissingLine {
        /// The first line that is missing, counted from one.
        line: usize,
        /// How many lines there should be.
        lines: usize,
    },
    /// Something follows the last line.
    #[error("there is more text after line {lines}, where the file should end")]
    TrailingText {
        /// How many lines there should be.
        lines: usize,
    },
    /// A comment line without its prefix.
    #[error("line {line} should begin with \"{prefix}\"")]
    NoPrefix {
        /// The line, counted from one.
        line: usize,
        /// The prefix that it lacks.
        prefix: &'static str,
    },
    /// A comment with a control character other than a tab, which could deceive a terminal.
    #[error("the comment in line {line} contains a control character")]
    ControlCharacter {
        /// The line, counted from one.
        line: usize,
    },
    /// A base64 line of the wrong length.
    #[error("the base64 text is {found} characters long, not {expected}")]
    Base64Length {
        /// The number of characters that this kind of key or signature has.
        expected: usize,
        /// The number of bytes that are there.
        found: usize,
    },
    /// Not base64 in its one canonical form.
    #[error("the text is not standard base64 with padding")]
    NotBase64,
}

/// Cuts `text` into exactly `N` lines. The last line may lack its line end; lines may end in CRLF.
pub(crate) fn lines<const N: usize>(text: &str) -> Result<[&str; N], TextError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(TextError::TooLong { found: text.len() });
    }
    let mut rest = text.strip_suffix('\n').unwrap_or(text).split('\n');
    let mut lines = [""; N];
    for (index, line) in lines.iter_mut().enumerate() {
        let found = rest.next().ok_or(TextError::MissingLine { line: index + 1, lines: N })?;
        *line = found.strip_suffix('\r').unwrap_or(found);
    }
    match rest.next() {
        Some(_) => Err(TextError::TrailingText { lines: N }),
        None => Ok(lines),
    }
}

/// The comment in `line`, which is the file's line number `number`, without its `prefix`.
pub(crate) fn comment<'a>(line: &'a str, number: usize, prefix: &'static str) -> Result<&'a str, TextError> {
    let comment = line.strip_prefix(prefix).ok_or(TextError::NoPrefix { line: number, prefix })?;
    if has_control_character(comment) {
        return Err(TextError::ControlCharacter { line: number });
    }
    Ok(comment)
}

/// Whether a comment holds what minisign calls unprintable: a control character other than a tab.
pub(crate) fn has_control_character(comment: &str) -> bool {
    comment.chars().any(|c| c.is_control() && c != '\t')
}

/// Decodes a base64 line that must hold exactly `len` bytes. They are wiped when dropped, since they
/// may be secret.
pub(crate) fn decode(line: &str, len: usize) -> Result<Zeroizing<Vec<u8>>, TextError> {
    let expected = len.div_ceil(3) * 4;
    if line.len() != expected {
        return Err(TextError::Base64Length { expected, found: line.len() });
    }
    let mut bytes = Zeroizing::new(vec![0; expected]);
    let found = STANDARD.decode_slice(line, &mut bytes).map_err(|_| TextError::NotBase64)?;
    if found != len {
        return Err(TextError::NotBase64);
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// The base64 line of `bytes`, without a line end.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The fields of a decoded line, taken from front to back.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `N` bytes.
    pub(crate) fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], TextError> {
        let (field, rest) = self.0.split_first_chunk().ok_or(TextError::NotBase64)?;
        self.0 = rest;
        Ok(field)
    }
}
