//! Files that tell of packages, as they pass by in a layer: the first line is the path.

use crate::{ReadOutcome, Target, none};
use landfall_bundler::readers::packages;

/// What is found does not depend on the pieces that a file comes in.
pub(crate) const TARGET: Target = Target { name: "packages", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return ReadOutcome::Refused };
    let (Ok(path), file) = (std::str::from_utf8(&input[..end]), &input[end + 1..]) else { return ReadOutcome::Refused };
    let Some(found) = packages(path, file, file.len()) else { return ReadOutcome::Refused };
    for piece in [1, 17, 4096] {
        assert_eq!(packages(path, file, piece).as_ref(), Some(&found), "in pieces of {piece}");
    }
    ReadOutcome::Accepted
}

/// A program with Go's build information among its variables.
fn program() -> Vec<u8> {
    let mut program = vec![0; 4096];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    // One program header: a writable segment of 12 KiB behind the first page.
    for (at, byte) in [(32, 64), (54, 56), (56, 1), (64, 1), (68, 6), (73, 0x10), (97, 0x30)] {
        program[at] = byte;
    }
    program.extend(b"\xff Go buildinf:\x08\x02");
    program.extend([0; 16]);
    let modules = "0123456789abcdefpath\tx\nmod\texample.com/x\tv1.0.0\th1:x=\n0123456789abcdef";
    for text in ["go1.22.1", modules] {
        program.push(u8::try_from(text.len()).expect("a short text"));
        program.extend(text.bytes());
    }
    program.resize(16 << 10, 0);
    program
}

fn seeds() -> Vec<Vec<u8>> {
    let of = |path: &str, file: &[u8]| [path.as_bytes(), b"\n", file].concat();
    vec![
        of(
            "var/lib/dpkg/status",
            b"Package: a\nStatus: install ok installed\nSource: b (2)\nVersion: 1\n\nPackage: c\nVersion: 1\n",
        ),
        of("lib/apk/db/installed", b"P:a\nV:1-r0\nA:x86_64\nL:MIT\no:b\n\n"),
        of(
            "app/node_modules/@a/b/package.json",
            br#"{"name": "@a/b", "version": "1.0.0", "licenses": [{"type": "MIT"}]}"#,
        ),
        of(
            "lib/site-packages/a-1.dist-info/METADATA",
            b"Metadata-Version: 2.1\nName: a\nVersion: 1\nLicense: MIT\n\ntext\n",
        ),
        of("etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n"),
        of("usr/bin/x", &program()),
    ]
}
