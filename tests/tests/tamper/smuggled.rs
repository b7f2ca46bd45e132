//! Entries that archivers obey and that no bundle has, put before, between and behind its own.

use crate::attack::{Attack, Kind};
use crate::harness::Harness;
use anyhow::Result;
use landfall_manifests::{Digest, archive};
use landfall_tests::tar::{Archive, Entry};

/// POSIX pax: extended headers for the next entry and for all later ones. GNU tar: long names and links, sparse files, volume
/// headers, old names, dumped folders, continued files. Then links, devices, folders, pipes and what vendors use.
const TYPES: &[u8] = b"xgLKSVNDM123456 7XAEI\0Z";

#[test]
fn refuses_extension_headers_and_special_files_wherever_they_are_smuggled_in() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let archive = harness.archive()?;
    let mut attacks = Vec::new();
    for at in 0..=archive.entries.len() {
        for smuggled in special(&archive, at) {
            let (kind, name) = (char::from(smuggled.header[156]), smuggled.name());
            let title = format!("{name:?} of type {kind:?} before entry {at}");
            attacks.push(Attack::new(title, archive.with(|entries| entries.insert(at, smuggled))));
        }
    }
    harness.refuses(&Kind::listed("extension headers and special files smuggled in", attacks))?;
    let retyped = archive.entries.iter().enumerate().flat_map(|(index, entry)| {
        let archive = &archive;
        TYPES.iter().map(move |kind| {
            let retyped = Entry::of_type(*kind, &entry.name(), entry.payload());
            Attack::new(format!("entry {index} as type {kind}"), archive.with(|entries| entries[index] = retyped))
        })
    });
    harness.refuses(&Kind::listed("entries of another type", retyped.collect()))
}

/// With what each of them would say about the entry that follows.
fn special(archive: &Archive, at: usize) -> Vec<Entry> {
    let name = archive.entries.get(at).map_or_else(|| "end".to_owned(), Entry::name);
    let record = |text: String| {
        // A record begins with its own length in decimal digits, which counts itself.
        let length = text.len() + 3 + usize::from(text.len() + 3 > 99);
        format!("{length} {text}\n").into_bytes()
    };
    let plain = TYPES.iter().map(|kind| Entry::of_type(*kind, "extra", b""));
    let telling = [
        Entry::of_type(b'x', "PaxHeaders/x", &record(format!("path={name}"))),
        Entry::of_type(b'x', "PaxHeaders/x", &record("size=0".to_owned())),
        Entry::of_type(b'x', "PaxHeaders/x", &record("GNU.sparse.major=1".to_owned())),
        Entry::of_type(b'g', "GlobalHead", &record("path=landfall.json".to_owned())),
        Entry::of_type(b'g', "GlobalHead", &record("comment=harmless".to_owned())),
        Entry::of_type(b'L', "././@LongLink", format!("{name}\0").as_bytes()),
        Entry::of_type(b'K', "././@LongLink", b"/etc/passwd\0"),
        Entry::of_type(b'x', &name, b""),
    ];
    plain.chain(telling).collect()
}

#[test]
fn refuses_files_that_are_added() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let archive = harness.archive()?;
    let (manifest, earlier) = (archive.entries[0].payload().to_vec(), Archive::parse(&harness.later)?);
    let stray = archive::blob_name(&Digest::of(b"stray"));
    let added = [
        Entry::file("extra", b""),
        Entry::file("extra", b"extra"),
        Entry::file("", b""),
        Entry::file(&stray, b"stray"),
        Entry::file("landfall.json", &manifest),
        Entry::file("landfall.json", b"{}"),
        Entry::file("Landfall.json", &manifest),
        Entry::file("landfall.json.sig", b"signature"),
        earlier.entries[0].clone(),
        earlier.entries[1].clone(),
        Entry { header: vec![0; 512], content: Vec::new() },
        Entry { header: vec![0; 512], content: vec![0; 512] },
    ];
    let mut attacks = Vec::new();
    for at in 0..=archive.entries.len() {
        for entry in &added {
            let title = format!("{:?} of {} bytes before entry {at}", entry.name(), entry.payload().len());
            attacks.push(Attack::new(title, archive.with(|entries| entries.insert(at, entry.clone()))));
        }
    }
    harness.refuses(&Kind::listed("files and blocks added", attacks))
}
