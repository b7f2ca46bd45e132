//! Debian packages in files: what a definition may name.

use crate::image::{compressed, put};
use crate::{ReadOutcome, Target, none};
use landfall_bundler::readers::package;
use landfall_manifests::Encoding;
use std::io::Write as _;

/// Whatever it says of itself is a name and a version that hosts take for nothing else.
pub(crate) const TARGET: Target = Target { name: "package", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let found = package(input);
    if let Ok((name, version)) = &found {
        let is_safe =
            |text: &str| !text.contains(['/', ' ', '\n']) && !text.starts_with(['-', '.']) && !text.is_empty();
        assert!(is_safe(name) && is_safe(version), "{name:?} {version:?}");
    }
    ReadOutcome::from(found)
}

fn seeds() -> Vec<Vec<u8>> {
    let control = "Package: docker.io\nVersion: 20.10.24+dfsg1-1\nArchitecture: amd64\nDepends: runc (>= 1.0), a | b\n";
    let mut tar = tar::Builder::new(Vec::new());
    put(&mut tar, "./control", control.as_bytes());
    let tar = tar.into_inner().expect("memory takes what it is given");
    let (gzip, zstd) = (compressed(&tar, Encoding::Gzip), compressed(&tar, Encoding::Zstd));
    vec![deb("control.tar", &tar), deb("control.tar.gz", &gzip), deb("control.tar.zst", &zstd)]
}

/// A package (deb(5)) with this control archive.
fn deb(name: &str, control: &[u8]) -> Vec<u8> {
    let mut deb = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), (name, control), ("data.tar", b"")] {
        writeln!(deb, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len())
            .expect("memory takes what it is given");
        deb.extend_from_slice(content);
        deb.extend(vec![b'\n'; content.len() % 2]);
    }
    deb
}
