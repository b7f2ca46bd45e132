//! The crates of a Rust program that `cargo auditable` built: JSON, compressed with zlib, in a section of its own
//! (rust-secure-code/cargo-auditable, PARSING.md).
//!
//! Where the section is stands at the program's end, and it has passed by then. So every place is tried that can be the beginning of a zlib
//! stream, for JSON that begins as no other does.

use super::package::{Package, PackageKind};
use flate2::{Decompress, FlushDecompress, Status};
use serde::Deserialize;

/// How the JSON begins.
const BEGINNING: &[u8] = b"{\"packages\":[{\"name\":";
/// From so many bytes on it is certain how a stream begins.
const LOOKED_AT: usize = 1024;
/// The JSON, in bytes: thousands of crates.
const JSON_BYTES: usize = 2 << 20;
/// The first byte of streams with the usual window (RFC 1950).
const CMF: u8 = 0x78;

#[derive(Debug, Default)]
pub(super) struct CrateSearch {
    /// What was not looked at yet, since too little follows.
    carried: Vec<u8>,
    stream: Option<Stream>,
    /// What the list has told.
    found: Option<Vec<Package>>,
}

/// A list that is coming.
#[derive(Debug)]
struct Stream {
    decoder: Decompress,
    json: Vec<u8>,
}

#[derive(Deserialize)]
struct VersionInfo {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default = "runtime")]
    kind: String,
}

fn runtime() -> String {
    "runtime".to_owned()
}

impl CrateSearch {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        if self.found.is_some() {
            return;
        }
        if self.stream.is_some() {
            return self.inflate(bytes);
        }
        // What was carried is looked at with what follows it; in most pieces, there is little of it.
        if !self.carried.is_empty() {
            let taken = bytes.len().min(LOOKED_AT);
            let kept = self.carried.len();
            self.carried.extend_from_slice(&bytes[..taken]);
            let joined = std::mem::take(&mut self.carried);
            let is_enough = taken == LOOKED_AT;
            if let Some(at) = beginning(&joined, if is_enough { kept } else { joined.len().saturating_sub(LOOKED_AT) })
            {
                self.begin();
                self.inflate(&joined[at..]);
                return self.inflate(&bytes[taken..]);
            }
            if !is_enough {
                let from = joined.len().saturating_sub(LOOKED_AT);
                self.carried = joined[from..].to_vec();
                return;
            }
        }
        let looked_at = bytes.len().saturating_sub(LOOKED_AT);
        match beginning(bytes, looked_at) {
            Some(at) => {
                self.begin();
                self.inflate(&bytes[at..]);
            }
            None => self.carried = bytes[looked_at..].to_vec(),
        }
    }

    fn begin(&mut self) {
        self.carried = Vec::new();
        self.stream = Some(Stream { decoder: Decompress::new(true), json: Vec::new() });
    }

    fn inflate(&mut self, mut bytes: &[u8]) {
        let Some(Stream { decoder, json }) = &mut self.stream else { return };
        while !bytes.is_empty() && json.len() < JSON_BYTES {
            json.reserve(64 << 10);
            let before = decoder.total_in();
            let status = decoder.decompress_vec(bytes, json, FlushDecompress::None);
            let read = usize::try_from(decoder.total_in() - before).unwrap_or(bytes.len());
            bytes = &bytes[read..];
            match status {
                Ok(Status::Ok) => {}
                Ok(Status::BufError) if read > 0 => {}
                Ok(Status::StreamEnd) => {
                    let info = serde_json::from_slice::<VersionInfo>(json);
                    self.found = Some(info.map(|info| packages(&info)).unwrap_or_default());
                    self.stream = None;
                    return;
                }
                Ok(Status::BufError) | Err(_) => {
                    self.found = Some(Vec::new());
                    self.stream = None;
                    return;
                }
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<Package> {
        if let Some(at) = beginning(&self.carried, self.carried.len()) {
            let last = std::mem::take(&mut self.carried);
            self.begin();
            self.inflate(&last[at..]);
        }
        self.found.unwrap_or_default()
    }
}

/// Those that are in the program: others were there to build it.
fn packages(info: &VersionInfo) -> Vec<Package> {
    let in_program = info.packages.iter().filter(|one| one.kind == "runtime");
    in_program.filter_map(|one| Package::new(PackageKind::Cargo, &one.name, &one.version)).collect()
}

/// Where a list begins among the first `count` bytes.
fn beginning(bytes: &[u8], count: usize) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = bytes[from..count].iter().position(|byte| *byte == CMF) {
        let at = from + found;
        if is_list(&bytes[at..bytes.len().min(at + LOOKED_AT)]) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn is_list(bytes: &[u8]) -> bool {
    // The two bytes of the header are a multiple of 31, and no dictionary is wanted.
    let Some(flags) = bytes.get(1).filter(|flags| (u16::from(CMF) << 8 | u16::from(**flags)) % 31 == 0) else {
        return false;
    };
    if flags & 0x20 != 0 {
        return false;
    }
    let mut start = [0; BEGINNING.len()];
    let mut decoder = Decompress::new(true);
    let read = decoder.decompress(bytes, &mut start, FlushDecompress::None);
    read.is_ok() && start == *BEGINNING
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn list(json: &str) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(7));
        encoder.write_all(json.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn search(program: &[u8], piece: usize) -> Vec<String> {
        let mut search = CrateSearch::default();
        program.chunks(piece).for_each(|piece| search.update(piece));
        search.finish().iter().map(|package| package.purl(None)).collect()
    }

    #[test]
    fn finds_the_list_wherever_it_is_and_in_any_pieces() {
        let crates: Vec<String> = (0..300)
            .map(|number| format!(r#"{{"name":"crate-{number}","version":"1.{number}.0","source":"crates.io"}}"#))
            .collect();
        let built = r#"{"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"}"#;
        let list = list(&format!(r#"{{"packages":[{},{built}]}}"#, crates.join(",")));
        // Bytes among which there are many beginnings of streams.
        let noise: Vec<u8> = (0..5000_u32).flat_map(|number| [0x78, 0x9c, (number % 251) as u8]).collect();
        for before in [0, 1, LOOKED_AT - 1, LOOKED_AT, 9999] {
            for behind in [0, 9999] {
                let program = [&noise[..before], &list, &noise[..behind]].concat();
                for piece in [1, 100, LOOKED_AT, 4096, 1 << 18] {
                    let found = search(&program, piece);
                    assert_eq!(
                        (found.len(), found[7].as_str()),
                        (300, "pkg:cargo/crate-7@1.7.0"),
                        "{before} {behind} {piece}"
                    );
                }
            }
        }
        assert_eq!(search(&noise, 4096), [""; 0]);
        assert_eq!(search(&list[..list.len() - 9], 4096), [""; 0]);
    }
}
