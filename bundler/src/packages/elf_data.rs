//! What compilers note in programs, found as the program passes by: Go's build information, and the crates of a Rust program that
//! `cargo auditable` built.

use super::package::Package;
use super::rust::CrateSearch;
use std::ops::Range;

/// As much of a program's beginning as is looked at, in bytes: it has the program headers, which linkers put there.
const HEAD_BYTES: usize = 4096;
const MAGIC: &[u8] = b"\x7fELF\x02\x01";
/// Where Go's linker says where its build information is: on a boundary of this many bytes (Go, debug/buildinfo).
const ALIGN: usize = 16;
const BUILD_INFO: &[u8] = b"\xff Go buildinf:";
/// The build information of one program, in bytes: thousands of modules.
const BUILD_INFO_BYTES: usize = 1 << 20;
/// What comes before the two texts.
const BUILD_INFO_HEADER: usize = 32;
/// The flag of texts that follow the header (Go 1.18 and later). Earlier ones have addresses there, which are not followed.
const INLINE: u8 = 2;

/// What Go's linker has noted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BuildInfo {
    pub(super) go_version: String,
    /// Lines of fields, between two marks.
    pub(super) modules: String,
}

#[derive(Debug, Default)]
pub(super) struct ElfReader {
    state: State,
    /// What is kept for the state.
    buffer: Vec<u8>,
    /// Where the next byte is in the program.
    position: u64,
    /// Where its variables are.
    data: Range<u64>,
    found: Option<BuildInfo>,
    crates: CrateSearch,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// The build information is looked for in the program's variables.
    Search,
    /// It was found, and is coming.
    Collect,
    /// Nothing more is looked for but crates.
    Crates,
    /// It is no program.
    Nothing,
}

impl ElfReader {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        if self.state == State::Head {
            let taken = bytes.len().min(HEAD_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(&bytes[..taken]);
            let seen = self.buffer.len().min(MAGIC.len());
            if self.buffer[..seen] != MAGIC[..seen] {
                self.state = State::Nothing;
                self.buffer = Vec::new();
            } else if self.buffer.len() == HEAD_BYTES {
                let head = std::mem::take(&mut self.buffer);
                self.data = variables(&head).unwrap_or_default();
                self.state = if self.data.is_empty() { State::Crates } else { State::Search };
                self.content(&head);
                self.content(&bytes[taken..]);
            }
            return;
        }
        self.content(bytes);
    }

    fn content(&mut self, bytes: &[u8]) {
        if self.state == State::Nothing {
            return;
        }
        self.crates.update(bytes);
        let start = self.position;
        self.position += bytes.len() as u64;
        // The part of the bytes that is in the range.
        let within = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(bytes.len()).min(bytes.len());
        match self.state {
            State::Search => self.search(&bytes[within(self.data.start)..within(self.data.end)]),
            State::Collect => self.collect(bytes),
            _ => {}
        }
        if self.state == State::Search && self.position >= self.data.end {
            self.state = State::Crates;
            self.buffer = Vec::new();
        }
    }

    /// Looks for the build information in variables, which begin on a boundary.
    fn search(&mut self, bytes: &[u8]) {
        let missing = (ALIGN - self.buffer.len() % ALIGN) % ALIGN;
        let (first, rest) = bytes.split_at(missing.min(bytes.len()));
        self.buffer.extend_from_slice(first);
        if self.buffer.len() == ALIGN {
            if self.buffer.starts_with(BUILD_INFO) {
                self.state = State::Collect;
                return self.collect(rest);
            }
            self.buffer.clear();
        }
        let (blocks, end) = rest.as_chunks::<ALIGN>();
        match blocks.iter().position(|block| block[0] == BUILD_INFO[0] && block.starts_with(BUILD_INFO)) {
            Some(at) => {
                self.state = State::Collect;
                self.collect(&rest[at * ALIGN..]);
            }
            None => self.buffer.extend_from_slice(end),
        }
    }

    fn collect(&mut self, bytes: &[u8]) {
        let room = BUILD_INFO_BYTES - self.buffer.len();
        self.buffer.extend_from_slice(&bytes[..bytes.len().min(room)]);
        match parse(&self.buffer) {
            Parsed::Whole(found) => self.found = Some(found),
            Parsed::More if self.buffer.len() < BUILD_INFO_BYTES => return,
            Parsed::More | Parsed::Nothing => {}
        }
        self.state = State::Crates;
        self.buffer = Vec::new();
    }

    pub(super) fn finish(self) -> (Option<BuildInfo>, Vec<Package>) {
        (self.found, self.crates.finish())
    }
}

enum Parsed {
    Whole(BuildInfo),
    /// It is not all there.
    More,
    Nothing,
}

/// Reads build information (Go, debug/buildinfo).
fn parse(bytes: &[u8]) -> Parsed {
    let Some(header) = bytes.get(..BUILD_INFO_HEADER) else { return Parsed::More };
    if header[15] & INLINE == 0 {
        return Parsed::Nothing;
    }
    let mut rest = &bytes[BUILD_INFO_HEADER..];
    let mut texts = [String::new(), String::new()];
    for text in &mut texts {
        let Some((length, bytes)) = varint(rest) else { return Parsed::More };
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= BUILD_INFO_BYTES) else {
            return Parsed::Nothing;
        };
        let Some((content, after)) = bytes.split_at_checked(length) else { return Parsed::More };
        *text = String::from_utf8_lossy(content).into_owned();
        rest = after;
    }
    let [go_version, modules] = texts;
    if go_version.starts_with("go") || go_version.starts_with("devel") {
        Parsed::Whole(BuildInfo { go_version, modules })
    } else {
        Parsed::Nothing
    }
}

/// A number in seven bits a byte, the lowest first.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    // One that is longer than any length: what it says is refused as too much.
    bytes.get(9..).map(|rest| (u64::MAX, rest))
}

/// Where a program's variables are in its file: from its first writable segment to the end of its last (System V ABI, "Program Header").
fn variables(head: &[u8]) -> Option<Range<u64>> {
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = head.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let offset = usize::try_from(number(32, 8)?).ok()?;
    let (size, count) = (usize::try_from(number(54, 2)?).ok()?, usize::try_from(number(56, 2)?).ok()?);
    let (load, write, execute) = (1, 2, 1);
    let mut range: Option<Range<u64>> = None;
    for index in 0..count {
        let at = offset.checked_add(index.checked_mul(size)?)?;
        let flags = number(at.checked_add(4)?, 4)?;
        if number(at, 4)? == load && flags & (write | execute) == write {
            let start = number(at.checked_add(8)?, 8)?;
            let end = start.checked_add(number(at.checked_add(32)?, 8)?)?;
            let before = range.unwrap_or(start..end);
            range = Some(before.start.min(start)..before.end.max(end));
        }
    }
    // Down to a boundary of the whole program, on which the linker has put it.
    range.map(|range| range.start / ALIGN as u64 * ALIGN as u64..range.end)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A program with `content` as its variables, which begin at `at`.
    fn program(at: usize, content: &[u8]) -> Vec<u8> {
        let mut head = vec![0; 64 + 56];
        head[..MAGIC.len()].copy_from_slice(MAGIC);
        head[32] = 64;
        head[54] = 56;
        head[56] = 1;
        head[64] = 1;
        head[68] = 6;
        head[72..80].copy_from_slice(&(at as u64).to_le_bytes());
        head[96..104].copy_from_slice(&(content.len() as u64).to_le_bytes());
        head.resize(at, 0);
        head.extend(content);
        head.resize(head.len().max(HEAD_BYTES) + 5000, 0);
        head
    }

    fn build_info(version: &str, modules: &str) -> Vec<u8> {
        let mut info = [BUILD_INFO, &[8, INLINE], &[0; 16]].concat();
        for text in [version, modules] {
            let length = text.len();
            info.extend([u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()]);
            info.extend(text.bytes());
        }
        info
    }

    #[test]
    fn finds_build_information_wherever_it_is_among_the_variables() {
        let info = build_info("go1.22.1", "modules");
        let expected = BuildInfo { go_version: "go1.22.1".to_owned(), modules: "modules".to_owned() };
        for (at, before) in [(4096, 0), (4096, 16), (1024, 0), (4000, 96), (1 << 16, 4096), (1 << 20, 1 << 20)] {
            let program = program(at, &[vec![1; before], info.clone(), vec![2; 100]].concat());
            for piece in [1, 511, 4096, 1 << 18] {
                let mut reader = ElfReader::default();
                program.chunks(piece).for_each(|piece| reader.update(piece));
                assert_eq!(reader.finish().0.as_ref(), Some(&expected), "at {at}, {before} before, by {piece}");
            }
        }
    }

    #[test]
    fn what_is_no_program_or_says_what_cannot_be_is_passed_over() {
        let endless = [BUILD_INFO, &[8, INLINE], &[0; 16], &[0xff; 12]].concat();
        let old = [BUILD_INFO, &[8, 0], &[0; 64]].concat();
        for content in [vec![0; 100], endless, old, build_info("x", "y")] {
            let mut reader = ElfReader::default();
            reader.update(&program(4096, &content));
            assert_eq!(reader.finish().0, None);
        }
        for bytes in [&b"#!/bin/sh\n"[..], b"\x7fELF", &[MAGIC, &[0xff; 8000]].concat()] {
            let mut reader = ElfReader::default();
            bytes.chunks(3).for_each(|piece| reader.update(piece));
            assert_eq!(reader.finish(), (None, Vec::new()));
        }
    }
}
