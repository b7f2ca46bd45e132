//! A tar archive taken apart into its entries, and put together again.

use anyhow::{Context as _, Result, ensure};
use landfall_manifests::archive::{self, BLOCK};
use std::ops::Range;

/// Where the name stands in a header (POSIX.1-2017 `pax`, "ustar Interchange Format"; the others likewise).
pub const NAME: Range<usize> = 0..100;
/// The size of the content.
pub const SIZE: Range<usize> = 124..136;
/// The sum of the header's bytes.
pub const CHECKSUM: Range<usize> = 148..156;
/// What kind of file it is.
pub const TYPE: Range<usize> = 156..157;
/// What stands before the name.
pub const PREFIX: Range<usize> = 345..500;

/// An archive whose entries lie one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// One behind the other.
    pub entries: Vec<Entry>,
    /// What follows the last one.
    pub end: Vec<u8>,
}

/// An entry, as its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its first 512 bytes.
    pub header: Vec<u8>,
    /// The content, with the padding behind it.
    pub content: Vec<u8>,
}

impl Archive {
    /// An archive of these entries that ends as one should.
    pub fn of(entries: Vec<Entry>) -> Self {
        Self { entries, end: vec![0; 1024] }
    }

    /// Takes a bundle apart.
    pub fn parse(mut bytes: &[u8]) -> Result<Self> {
        let mut entries = Vec::new();
        while bytes.len() as u64 > archive::END_BYTES {
            let (header, rest) = bytes.split_at(usize::try_from(BLOCK)?);
            let digits = std::str::from_utf8(&header[SIZE.start..SIZE.end - 1])?;
            let size = u64::from_str_radix(digits, 8)?.next_multiple_of(BLOCK);
            let (content, rest) = rest.split_at_checked(usize::try_from(size)?).context("an entry is cut off")?;
            entries.push(Entry { header: header.to_vec(), content: content.to_vec() });
            bytes = rest;
        }
        let parsed = Self { entries, end: bytes.to_vec() };
        // Manifest, signature, three layout files and blobs: with fewer, tests would pass over nothing.
        ensure!(parsed.entries.len() > 6, "only {} entries: the bundle is not read right", parsed.entries.len());
        Ok(parsed)
    }

    /// Puts it together.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.header);
            bytes.extend_from_slice(&entry.content);
        }
        bytes.extend_from_slice(&self.end);
        bytes
    }

    /// The bytes, with other entries.
    pub fn with(&self, change: impl FnOnce(&mut Vec<Entry>)) -> Vec<u8> {
        let mut changed = self.clone();
        change(&mut changed.entries);
        changed.bytes()
    }

    /// Where the entries begin, in bytes.
    pub fn offsets(&self) -> Vec<usize> {
        let lengths = self.entries.iter().map(|entry| entry.header.len() + entry.content.len());
        lengths.scan(0, |at, length| Some(std::mem::replace(at, *at + length))).collect()
    }
}

impl Entry {
    /// A regular file with the format's header.
    pub fn file(name: &str, content: &[u8]) -> Self {
        let mut padded = content.to_vec();
        padded.resize(content.len().next_multiple_of(512), 0);
        Self { header: archive::header(name, content.len() as u64).to_vec(), content: padded }
    }

    /// The same, as an entry of another type.
    pub fn of_type(kind: u8, name: &str, content: &[u8]) -> Self {
        Self::file(name, content).with(TYPE, &[kind])
    }

    /// The name, up to its first zero.
    pub fn name(&self) -> String {
        let name = self.header[NAME].split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    /// The content without its padding.
    pub fn payload(&self) -> &[u8] {
        let digits = std::str::from_utf8(&self.header[SIZE.start..SIZE.end - 1]).unwrap_or_default();
        let size = usize::from_str_radix(digits, 8).unwrap_or_default();
        &self.content[..size.min(self.content.len())]
    }

    /// With other bytes in a field of the header, whose rest is zeros, and a checksum that is right.
    #[must_use]
    pub fn with(&self, field: Range<usize>, bytes: &[u8]) -> Self {
        let mut changed = self.clone();
        let field = &mut changed.header[field];
        field.fill(0);
        let length = bytes.len().min(field.len());
        field[..length].copy_from_slice(&bytes[..length]);
        changed.sum_up();
        changed
    }

    /// The same content under another name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        self.with(NAME, name.as_bytes())
    }

    /// Makes the checksum right.
    pub fn sum_up(&mut self) {
        self.header[CHECKSUM].fill(b' ');
        let sum: u32 = self.header.iter().map(|byte| u32::from(*byte)).sum();
        self.header[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_archive_is_put_together_as_it_was() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let archive = Archive::of(names.iter().map(|name| Entry::file(name, name.repeat(600).as_bytes())).collect());
        let again = Archive::parse(&archive.bytes()).unwrap();
        assert_eq!(again, archive);
        assert_eq!(again.offsets()[..3], [0, 1536, 3072]);
        assert_eq!(again.entries[1].payload(), "b".repeat(600).as_bytes());
        assert_eq!(again.entries[1].named("x"), Entry::file("x", "b".repeat(600).as_bytes()));
    }
}
