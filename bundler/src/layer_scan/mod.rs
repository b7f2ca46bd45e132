//! What a layer's archive shows of trouble to come on a host, and of the packages in it, found while its bytes pass by on their way into the store.
//!
//! It never fails: an archive that it cannot follow is left to whoever refuses it, and what is remembered is bounded.

mod entries;
mod findings;
mod header;
mod links;
mod pax;

pub(crate) use entries::{Entries, EntryKind, at, folders, uppermost};
pub(crate) use findings::Findings;
pub(crate) use links::Links;

use findings::OpenFile;
use header::{EntryHeader, Kind};
use landfall_manifests::archive::{BLOCK, padding};
use pax::PaxRecords;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A file of users or a pax header that is looked into, in bytes. Larger ones are passed over.
const COLLECTED_BYTES: u64 = 1 << 20;
/// As many paths of one kind are remembered as a person reads.
pub(crate) const PATHS: usize = 5;
/// Programs with capabilities that are remembered: layers above may replace some of them.
const CAPABLE: usize = 64;
/// The longest name that file systems take, in bytes (limits.h, `NAME_MAX`).
const NAME_BYTES: usize = 255;

/// What is remembered of a layer. Paths are those in the archive, without a leading `/` or `./`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LayerFacts {
    /// Whether it begins as no archive does.
    pub(crate) not_tar: bool,
    /// An entry with a name that is too long for any file system.
    pub(crate) long_name: Option<String>,
    /// An entry in GNU tar's own sparse format, which engines refuse.
    pub(crate) gnu_sparse: Option<String>,
    /// Entries in the sparse formats of pax headers, which engines store as if they had no holes.
    pub(crate) pax_sparse: Vec<String>,
    /// Programs that start only with capabilities (capabilities(7), "File capabilities").
    pub(crate) capable: Vec<CapableFile>,
    /// Compiled Python files of 1970: Python compares their time with their source's, and compiles anew where it differs.
    pub(crate) untimed_python: Vec<String>,
    /// What the layer does to `/etc/passwd`.
    pub(crate) users: Users,
    /// What is at which path.
    pub(crate) entries: Entries,
    /// Where symbolic links near the root lead.
    pub(crate) links: Links,
    /// What its files tell of packages.
    pub(crate) findings: Findings,
}

/// A program that starts only with capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CapableFile {
    pub(crate) path: String,
    /// The capabilities, as bits.
    pub(crate) needed: u64,
}

/// What a layer does to `/etc/passwd`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Users {
    /// Nothing: what the layers below have stays.
    #[default]
    Untouched,
    /// Removes it.
    Removed,
    /// Brings it, with users of these names.
    Named(Vec<String>),
    /// Brings it in a form that is not looked into, such as a link.
    Unknown,
}

/// Follows the entries of an archive.
#[derive(Debug, Default)]
pub(crate) struct LayerScan {
    facts: LayerFacts,
    /// Whether the first header was looked at.
    has_begun: bool,
    expected: Expected,
    /// What has come of what is expected.
    buffer: Vec<u8>,
    /// What pax headers and long names say of the next entry.
    pending: PaxRecords,
    /// The file that is coming, if it is looked into while it passes by.
    open: Option<OpenFile>,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Expected {
    #[default]
    Header,
    /// Content that is passed over, padding included.
    Skipped(u64),
    /// Content that is looked into while it comes, and what pads it.
    Streamed { left: u64, padding: u64 },
    /// Content that is looked into once it is there, and what pads it.
    Content { of: Content, size: usize, padding: u64 },
    /// Nothing more: the archive ended, or cannot be followed.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Pax,
    LongName,
    LongLink,
    Users,
}

impl LayerScan {
    /// Takes the next bytes of the archive.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let wanted = match self.expected {
                Expected::Nothing => return,
                Expected::Skipped(left) => {
                    let skipped = left.min(bytes.len() as u64);
                    bytes = &bytes[usize::try_from(skipped).unwrap_or(bytes.len())..];
                    self.expected = after(left - skipped);
                    continue;
                }
                Expected::Streamed { left, padding } => {
                    bytes = self.stream(bytes, left, padding);
                    continue;
                }
                Expected::Header => header::BYTES,
                Expected::Content { size, .. } => size,
            };
            let taken = bytes.len().min(wanted - self.buffer.len());
            self.buffer.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.buffer.len() == wanted {
                self.take();
            }
        }
    }

    /// Gives bytes to the reader of a file, of which so many are to come. What follows the file is returned.
    fn stream<'a>(&mut self, bytes: &'a [u8], left: u64, padding: u64) -> &'a [u8] {
        let taken = usize::try_from(left).unwrap_or(bytes.len()).min(bytes.len());
        let (content, rest) = bytes.split_at(taken);
        if let Some(open) = &mut self.open {
            open.update(content);
        }
        let left = left - taken as u64;
        if left > 0 {
            self.expected = Expected::Streamed { left, padding };
        } else {
            self.expected = after(padding);
            if let Some(open) = self.open.take() {
                self.facts.findings.close(open);
            }
        }
        rest
    }

    /// What was found. A layer that is not taken to its end has shown less.
    pub(crate) fn finish(mut self) -> LayerFacts {
        // A stream without any bytes is an empty layer.
        self.facts.not_tar |= !self.has_begun && !self.buffer.is_empty();
        self.facts.entries.sort();
        self.facts.findings.sort();
        self.facts
    }

    fn take(&mut self) {
        let taken = std::mem::take(&mut self.buffer);
        self.expected = match self.expected {
            Expected::Content { of, padding, .. } => {
                self.content(of, &taken);
                after(padding)
            }
            _ => self.block(&taken),
        };
    }

    fn block(&mut self, block: &[u8]) -> Expected {
        let header = EntryHeader::parse(block);
        // An archive without entries begins with its end: blocks of zeros.
        self.facts.not_tar |= !self.has_begun && header.is_none() && block.iter().any(|byte| *byte != 0);
        self.has_begun = true;
        header.map_or(Expected::Nothing, |header| self.header(&header))
    }

    fn content(&mut self, of: Content, content: &[u8]) {
        match of {
            Content::Pax => self.pending.parse(content),
            Content::LongName => {
                let name = content.split(|byte| *byte == 0).next().unwrap_or_default();
                self.pending.path = Some(String::from_utf8_lossy(name).into_owned());
            }
            Content::LongLink => {
                let target = content.split(|byte| *byte == 0).next().unwrap_or_default();
                self.pending.link = Some(String::from_utf8_lossy(target).into_owned());
            }
            Content::Users => {
                let lines = content.split(|byte| *byte == b'\n');
                let names = lines.filter_map(|line| line.split(|byte| *byte == b':').next());
                let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
                self.facts.users = Users::Named(names.filter(|name| !name.is_empty()).collect());
            }
        }
    }

    fn header(&mut self, header: &EntryHeader) -> Expected {
        let collected = |of| match usize::try_from(header.size) {
            Ok(size) if (1..=COLLECTED_BYTES).contains(&header.size) => {
                Expected::Content { of, size, padding: padding(header.size) }
            }
            _ => skipped(header.size),
        };
        match header.kind {
            Kind::Pax => return collected(Content::Pax),
            Kind::LongName => return collected(Content::LongName),
            Kind::LongLink => return collected(Content::LongLink),
            Kind::Ignored => return skipped(header.size),
            Kind::File | Kind::GnuSparse | Kind::Folder | Kind::Symlink | Kind::Special | Kind::Other => {}
        }
        let pending = std::mem::take(&mut self.pending);
        let path = pending.path.as_deref().unwrap_or(&header.path);
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        let has_content = !matches!(header.kind, Kind::Folder | Kind::Symlink | Kind::Special);
        let size = if has_content { pending.size.unwrap_or(header.size) } else { 0 };
        let is_users = path == "etc/passwd";
        self.note(header, &pending, &path);
        match header.kind {
            // How its header goes on is not followed: engines refuse the archive.
            Kind::GnuSparse => Expected::Nothing,
            Kind::File if is_users && !pending.is_sparse && (1..=COLLECTED_BYTES).contains(&size) => {
                let length = usize::try_from(size).unwrap_or_default();
                Expected::Content { of: Content::Users, size: length, padding: padding(size) }
            }
            Kind::File if !pending.is_sparse && size > 0 => {
                self.open = self.facts.findings.open(&path, size, header.is_executable);
                match self.open {
                    Some(_) => Expected::Streamed { left: size, padding: padding(size) },
                    None => skipped(size),
                }
            }
            _ => skipped(size),
        }
    }

    fn note(&mut self, header: &EntryHeader, pending: &PaxRecords, path: &str) {
        let facts = &mut self.facts;
        facts.entries.add(path, header.kind);
        if header.kind == Kind::Symlink {
            facts.links.add(path, pending.link.as_deref().unwrap_or(&header.link));
        }
        if facts.long_name.is_none() && path.split('/').any(|name| bytes(name) > NAME_BYTES) {
            facts.long_name = Some(path.to_owned());
        }
        let remember = |paths: &mut Vec<String>| {
            if paths.len() < PATHS {
                paths.push(path.to_owned());
            }
        };
        if header.kind == Kind::GnuSparse {
            facts.gnu_sparse = Some(path.to_owned());
        }
        if pending.is_sparse {
            remember(&mut facts.pax_sparse);
        }
        if pending.capabilities != 0 && facts.capable.len() < CAPABLE {
            facts.capable.push(CapableFile { path: path.to_owned(), needed: pending.capabilities });
        }
        let is_python = Path::new(path).extension().is_some_and(|extension| extension == "pyc");
        if is_python && header.kind == Kind::File && pending.mtime.unwrap_or(header.mtime) == 0 {
            remember(&mut facts.untimed_python);
        }
        match path {
            "etc/passwd" => facts.users = Users::Unknown,
            // OCI image specification, "Whiteouts".
            "etc/.wh.passwd" | "etc/.wh..wh..opq" | ".wh.etc" | ".wh..wh..opq" if facts.users == Users::Untouched => {
                facts.users = Users::Removed;
            }
            _ => {}
        }
    }
}

/// The least bytes that the name in the archive has: what is no UTF-8 there is one replacement character here.
fn bytes(name: &str) -> usize {
    name.chars().map(|character| if character == char::REPLACEMENT_CHARACTER { 1 } else { character.len_utf8() }).sum()
}

fn skipped(size: u64) -> Expected {
    after(size.saturating_add(padding(size)))
}

/// What comes after `left` more bytes of content.
fn after(left: u64) -> Expected {
    if left == 0 { Expected::Header } else { Expected::Skipped(left) }
}

const _: () = assert!(header::BYTES as u64 == BLOCK, "headers are blocks");

#[cfg(test)]
mod tests;
