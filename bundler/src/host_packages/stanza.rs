//! Stanzas of fields (deb822(5)), of which a few are kept: indexes of packages are tens of megabytes, and come from outside.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};

/// One line, in bytes: the longest field that Debian's own indexes have is some 20 KiB.
const LINE_BYTES: u64 = 256 << 10;
/// One stanza's fields that are kept, in bytes.
const STANZA_BYTES: usize = 1 << 20;

/// The fields of a stanza that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stanza(BTreeMap<&'static str, String>);

impl Stanza {
    /// A field's value; empty where it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    /// The value, to be kept.
    pub(super) fn take(&mut self, name: &'static str) -> Box<str> {
        self.0.remove(name).unwrap_or_default().trim().into()
    }
}

/// Reads stanzas one after the other.
pub(super) struct Stanzas<R> {
    input: R,
    wanted: &'static [&'static str],
    line: Vec<u8>,
}

impl<R: BufRead> Stanzas<R> {
    /// Keeps the fields of these names.
    pub(super) fn new(input: R, wanted: &'static [&'static str]) -> Self {
        Self { input, wanted, line: Vec::new() }
    }

    /// The next stanza; none at the end. Text that is not UTF-8, and lines and stanzas that are longer than any real one, are errors of
    /// the kind `InvalidData`.
    pub(super) fn next(&mut self) -> io::Result<Option<Stanza>> {
        let mut stanza = Stanza::default();
        let (mut current, mut kept, mut is_empty) = (None, 0, true);
        while self.read_line()? {
            let line = std::str::from_utf8(&self.line).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let line = line.trim_end();
            if line.is_empty() {
                if is_empty {
                    continue;
                }
                return Ok(Some(stanza));
            }
            is_empty = false;
            if line.starts_with('#') {
                continue;
            }
            let value = if line.starts_with([' ', '\t']) {
                line
            } else {
                let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
                // Names of fields have no case (deb822(5)).
                current = self.wanted.iter().find(|wanted| wanted.eq_ignore_ascii_case(name)).copied();
                value
            };
            if let Some(name) = current {
                kept += value.len();
                if kept > STANZA_BYTES {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                let field = stanza.0.entry(name).or_default();
                if !field.is_empty() {
                    field.push('\n');
                }
                field.push_str(value);
            }
        }
        Ok((!is_empty).then_some(stanza))
    }

    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let read = (&mut self.input).take(LINE_BYTES + 1).read_until(b'\n', &mut self.line)?;
        if read as u64 > LINE_BYTES { Err(io::ErrorKind::InvalidData.into()) } else { Ok(read > 0) }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn stanzas(text: &[u8]) -> io::Result<Vec<Stanza>> {
        let mut reader = Stanzas::new(text, &["Package", "Depends"]);
        let mut found = Vec::new();
        while let Some(stanza) = reader.next()? {
            found.push(stanza);
        }
        Ok(found)
    }

    #[test]
    fn keeps_the_fields_that_are_wanted_with_their_further_lines() {
        let text = "\n\nPackage: a\nSize: 1\n more\ndepends: b,\n c (>= 1)\n\n\nPackage: d\n# Package: e";
        let found = stanzas(text.as_bytes()).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].get("Package"), found[0].get("Depends")), ("a", "b,\n c (>= 1)"));
        assert_eq!((found[1].get("Package"), found[1].get("Depends"), found[1].get("Size")), ("d", "", ""));
        assert!(stanzas(b"").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_stanza_is_an_error() {
        let long = format!("Package: {}\n", "a".repeat(300_000));
        let many = format!("Package: a\n{}", format!(" {}\n", "b".repeat(200_000)).repeat(6));
        for text in [&b"no field\n"[..], b"Package: \xff\n", long.as_bytes(), many.as_bytes()] {
            assert_eq!(stanzas(text).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
