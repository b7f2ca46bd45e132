//! Entries that are missing, too many, elsewhere, of another name or of another size.

use crate::attack::{Attack, Kind};
use crate::harness::Harness;
use anyhow::Result;
use landfall_tests::tar::{Archive, Entry, NAME, PREFIX, SIZE};

/// Another name for an entry, and its description.
type Rename = (&'static str, fn(&str) -> String);
/// A size as a header can claim it, and its description.
type Claim = (&'static str, fn(u64) -> Vec<u8>);

/// Other names for the same entry, as file systems and archivers mix them up.
const OTHER_NAMES: [Rename; 12] = [
    ("in capitals", str::to_uppercase),
    ("in small letters", str::to_lowercase),
    ("with a capital", |name| name[..1].to_uppercase() + &name[1..]),
    ("in the same folder", |name| format!("./{name}")),
    ("at the root", |name| format!("/{name}")),
    ("one up", |name| format!("../{name}")),
    ("in a folder", |name| format!("x/{name}")),
    ("as a folder", |name| format!("{name}/")),
    ("with a space", |name| format!("{name} ")),
    ("longer", |name| format!("{name}x")),
    ("shorter", |name| name[..name.len() - 1].to_owned()),
    ("with two slashes", |name| name.replace('/', "//")),
];

const SIZES: [Claim; 14] = [
    ("one more", |size| octal(size + 1)),
    ("one less", |size| octal(size.saturating_sub(1))),
    ("a block more", |size| octal(size + 512)),
    ("a block less", |size| octal(size.saturating_sub(512))),
    ("none", |_| octal(0)),
    ("16 MiB and 1", |_| octal((16 << 20) + 1)),
    ("4 GiB more", |size| octal(size + (1 << 32))),
    ("the most that octal digits say", |_| octal((1 << 33) - 1)),
    ("in base 256", |size| base_256(size)),
    ("2^63", |_| base_256(1 << 63)),
    ("2^64 - 1", |_| base_256(u64::MAX)),
    ("negative", |_| vec![0xff; 12]),
    ("with spaces in front", |size| format!("{size:11o} ").into_bytes()),
    ("with eleven digits and no end", |size| format!("{size:012o}").into_bytes()),
];

fn octal(size: u64) -> Vec<u8> {
    format!("{size:011o}\0").into_bytes()
}

fn base_256(size: u64) -> Vec<u8> {
    [&[0x80, 0, 0, 0], size.to_be_bytes().as_slice()].concat()
}

#[test]
fn refuses_entries_that_are_removed_doubled_or_swapped() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let archive = harness.archive()?;
    let all = 0..archive.entries.len();
    let removed = all
        .clone()
        .map(|gone| Attack::new(format!("without entry {gone}"), archive.with(|entries| drop(entries.remove(gone)))));
    let tails = all.clone().map(|first| {
        Attack::new(format!("without entry {first} and all after it"), archive.with(|entries| entries.truncate(first)))
    });
    harness.refuses(&Kind::listed("entries removed", removed.chain(tails).collect()))?;
    let doubled = pairs(all.len(), all.len() + 1).map(|(one, at)| {
        let doubled = archive.with(|entries| entries.insert(at, archive.entries[one].clone()));
        Attack::new(format!("entry {one} once more at {at}"), doubled)
    });
    harness.refuses(&Kind::listed("entries doubled", doubled.collect()))?;
    let swapped = pairs(all.len(), all.len()).filter(|(one, other)| one < other).map(|(one, other)| {
        Attack::new(format!("entries {one} and {other} swapped"), archive.with(|entries| entries.swap(one, other)))
    });
    let moved = pairs(all.len(), all.len()).map(|(one, to)| {
        let moved = archive.with(|entries| {
            let entry = entries.remove(one);
            entries.insert(to, entry);
        });
        Attack::new(format!("entry {one} moved to {to}"), moved)
    });
    let contents = pairs(all.len(), all.len()).filter(|(one, other)| one < other).map(|(one, other)| {
        Attack::new(format!("what entries {one} and {other} hold swapped"), contents_swapped(&archive, one, other))
    });
    harness.refuses(&Kind::listed("entries swapped and moved", swapped.chain(moved).chain(contents).collect()))
}

fn pairs(ones: usize, others: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..ones).flat_map(move |one| (0..others).map(move |other| (one, other)))
}

/// Each name with the other's content, and headers that are right for it.
fn contents_swapped(archive: &Archive, one: usize, other: usize) -> Vec<u8> {
    archive.with(|entries| {
        let (first, second) = (entries[one].clone(), entries[other].clone());
        entries[one] = Entry::file(&first.name(), second.payload());
        entries[other] = Entry::file(&second.name(), first.payload());
    })
}

#[test]
fn refuses_entries_that_are_renamed_or_case_folded() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let archive = harness.archive()?;
    let mut attacks = Vec::new();
    for (index, entry) in archive.entries.iter().enumerate() {
        for (how, rename) in OTHER_NAMES {
            let renamed = archive.with(|entries| entries[index] = entry.named(&rename(&entry.name())));
            attacks.push(Attack::new(format!("entry {index} {how}"), renamed));
        }
        for other in &archive.entries {
            let renamed = archive.with(|entries| entries[index] = entry.named(&other.name()));
            attacks.push(Attack::new(format!("entry {index} as {}", other.name()), renamed));
        }
        if let Some((folder, name)) = entry.name().rsplit_once('/') {
            let split = entry.with(NAME, name.as_bytes()).with(PREFIX, folder.as_bytes());
            attacks.push(Attack::new(format!("entry {index} with a prefix"), archive.with(|e| e[index] = split)));
        }
        let hidden = entry.with(NAME, &[entry.name().as_bytes(), b"\0hidden"].concat());
        attacks.push(Attack::new(format!("entry {index} with a hidden name"), archive.with(|e| e[index] = hidden)));
    }
    harness.refuses(&Kind::listed("entries renamed and case-folded", attacks))
}

#[test]
fn refuses_sizes_that_are_changed() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let archive = harness.archive()?;
    let mut attacks = Vec::new();
    for (index, entry) in archive.entries.iter().enumerate() {
        for (how, write) in SIZES {
            let resized = entry.with(SIZE, &write(entry.payload().len() as u64));
            attacks.push(Attack::new(format!("size of entry {index} {how}"), archive.with(|e| e[index] = resized)));
        }
        let grown = |by: &[u8]| Entry::file(&entry.name(), &[entry.payload(), by].concat());
        let cut = |by: usize| Entry::file(&entry.name(), &entry.payload()[..entry.payload().len().saturating_sub(by)]);
        for (how, other) in [
            ("a zero more", grown(&[0])),
            ("a newline more", grown(b"\n")),
            ("a block more", grown(&[0; 512])),
            ("a byte less", cut(1)),
            ("nothing", cut(usize::MAX)),
        ] {
            attacks.push(Attack::new(format!("entry {index} holds {how}"), archive.with(|e| e[index] = other)));
        }
    }
    harness.refuses(&Kind::listed("sizes changed", attacks))
}
