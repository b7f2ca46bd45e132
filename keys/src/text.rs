//! The framing that all of minisign's files share: a fixed number of lines, comments with a prefix,
//! base64 of a fixed length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

/// The longest key or signature file that is read, in bytes. The longest that minisign writes by
/// default is under 400; the rest is room for comments.
pub const MAX_FILE_BYTES: usize = 4096;

/// The beginning of an untrusted comment. The text that follows is not signed (minisign, "Signature format").
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
    // One line end belongs to the last line; a second one is text after it.
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
    // The length first: how much is decoded into memory never depends on the input.
    if line.len() != expected {
        return Err(TextError::Base64Length { expected, found: line.len() });
    }
    // Allocated once at its full size: a growing buffer would leave copies of a secret behind.
    let mut bytes = Zeroizing::new(vec![0; expected]);
    let found = STANDARD.decode_slice(line, &mut bytes).map_err(|_| TextError::NotBase64)?;
    // With padding, the same number of characters can hold one or two bytes fewer.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exactly_as_many_lines_as_there_should_be() {
        let table: [(&str, Result<[&str; 2], TextError>); 9] = [
            ("a\nb\n", Ok(["a", "b"])),
            ("a\nb", Ok(["a", "b"])),
            ("a\r\nb\r\n", Ok(["a", "b"])),
            ("a\nb\r", Ok(["a", "b"])),
            ("", Err(TextError::MissingLine { line: 2, lines: 2 })),
            ("a\n", Err(TextError::MissingLine { line: 2, lines: 2 })),
            ("a\nb\n\n", Err(TextError::TrailingText { lines: 2 })),
            ("a\nb\nc", Err(TextError::TrailingText { lines: 2 })),
            ("a\rb", Err(TextError::MissingLine { line: 2, lines: 2 })),
        ];
        for (text, expected) in table {
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn reads_a_file_of_the_longest_length_and_none_longer() {
        let longest = "a".repeat(MAX_FILE_BYTES);
        assert_eq!(lines(&longest), Ok([longest.as_str()]));
        assert_eq!(lines::<1>(&(longest + "a")), Err(TextError::TooLong { found: MAX_FILE_BYTES + 1 }));
    }

    #[test]
    fn refuses_comments_without_prefix_or_with_control_characters() {
        let comment = |line| comment(line, 3, TRUSTED_COMMENT);
        let control = Err(TextError::ControlCharacter { line: 3 });
        assert_eq!(comment("trusted comment: "), Ok(""));
        assert_eq!(comment("trusted comment: a\tb"), Ok("a\tb"));
        assert_eq!(comment("trusted comment: Zürich 東京"), Ok("Zürich 東京"));
        assert_eq!(comment("trusted comment:a"), Err(TextError::NoPrefix { line: 3, prefix: TRUSTED_COMMENT }));
        assert_eq!(comment("trusted comment: a\rb"), control);
        assert_eq!(comment("trusted comment: \u{1b}[2J"), control);
        assert_eq!(comment("trusted comment: \u{7f}"), control);
        assert_eq!(comment("trusted comment: \u{9b}2J"), control);
        assert_eq!(comment("trusted comment: a\0"), control);
    }

    #[test]
    fn reads_base64_in_its_one_canonical_form() {
        let decode = |line, len| decode(line, len).map(|bytes| bytes.to_vec());
        let length = |found| Err(TextError::Base64Length { expected: 4, found });
        let table = [
            ("AQID", 3, Ok(vec![1, 2, 3])),
            ("AQI=", 2, Ok(vec![1, 2])),
            ("AQI", 2, length(3)),
            ("AQI= ", 2, length(5)),
            (" AQID", 3, length(5)),
            ("AQJ=", 2, Err(TextError::NotBase64)),
            ("AQ==", 2, Err(TextError::NotBase64)),
            ("AQID", 2, Err(TextError::NotBase64)),
            ("A-_D", 3, Err(TextError::NotBase64)),
            ("A\nID", 3, Err(TextError::NotBase64)),
            ("AäD", 3, Err(TextError::NotBase64)),
        ];
        for (line, len, expected) in table {
            assert_eq!(decode(line, len), expected, "{line:?} as {len} bytes");
        }
    }

    #[test]
    fn takes_fields_up_to_the_end_and_not_beyond() {
        let mut fields = Fields::new(&[1, 2, 3]);
        assert_eq!(fields.take(), Ok(&[1, 2]));
        assert_eq!(fields.take::<2>(), Err(TextError::NotBase64));
        assert_eq!(fields.take(), Ok(&[3]));
    }
}
