//! Changes of bytes, wherever they lie.

use crate::attack::{Attack, Kind};
use crate::harness::Harness;
use anyhow::Result;
use landfall_manifests::archive;
use landfall_tests::tar::{Archive, CHECKSUM};

/// What a byte becomes, and its description.
type Change = (&'static str, fn(u8) -> u8);

const CHANGES: [Change; 5] = [
    ("+1", |byte| byte.wrapping_add(1)),
    ("with its top bit flipped", |byte| byte ^ 0x80),
    ("0x00", |_| 0),
    ("0xff", |_| 0xff),
    ("a space", |_| b' '),
];

const HEADER_BITS: usize = 512 * 8;

#[test]
fn refuses_every_changed_byte() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let count = harness.bytes.len() * CHANGES.len();
    harness.refuses(&Kind::new("changed bytes", count, |case| {
        let (offset, (name, change)) = (case / CHANGES.len(), CHANGES[case % CHANGES.len()]);
        let mut bytes = harness.bytes.clone();
        bytes[offset] = change(bytes[offset]);
        Attack::new(format!("byte {offset} {name}"), bytes)
    }))
}

#[test]
fn refuses_every_header_that_differs_by_one_bit_whatever_its_checksum() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let archive = harness.archive()?;
    let count = archive.entries.len() * HEADER_BITS;
    harness.refuses(&Kind::new("headers with another bit and the checksum made right", count, |case| {
        let (entry, bit) = (case / HEADER_BITS, case % HEADER_BITS);
        Attack::new(format!("bit {bit} of header {entry}"), with_bit_flipped(&archive, entry, bit))
    }))
}

/// In the checksum itself, the bit is flipped and nothing else.
fn with_bit_flipped(archive: &Archive, entry: usize, bit: usize) -> Vec<u8> {
    archive.with(|entries| {
        let entry = &mut entries[entry];
        entry.header[bit / 8] ^= 1 << (bit % 8);
        if !CHECKSUM.contains(&(bit / 8)) {
            entry.sum_up();
        }
    })
}

#[test]
fn refuses_every_truncation() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    harness.refuses(&Kind::new("truncations", harness.bytes.len(), |length| {
        Attack::new(format!("{length} bytes"), harness.bytes[..length].to_vec())
    }))
}

#[test]
fn refuses_whatever_is_appended() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let entry = [archive::header("extra", 1).as_slice(), &[b'x'; 1], &[0; 511]].concat();
    let mut tails: Vec<Vec<u8>> = [1, 511, 512, 513, 1024, 10_240, 1 << 20].map(|length| vec![0; length]).to_vec();
    tails.extend([b"\n".to_vec(), vec![0xff; 512], entry.clone(), [entry.as_slice(), &[0; 1024]].concat()]);
    tails.extend([harness.bytes.clone(), harness.later.clone()]);
    let appended =
        |tail: &Vec<u8>| Attack::new(format!("{} bytes more", tail.len()), [harness.bytes.as_slice(), tail].concat());
    let mut attacks: Vec<Attack> = tails.iter().map(appended).collect();
    // Between the last entry and the end.
    let body = harness.bytes.len() - 1024;
    attacks.extend(tails.iter().map(|tail| {
        let bytes = [&harness.bytes[..body], tail, &harness.bytes[body..]].concat();
        Attack::new(format!("{} bytes before the end", tail.len()), bytes)
    }));
    // In front of everything.
    attacks.extend(
        tails.iter().map(|tail| {
            Attack::new(format!("{} bytes in front", tail.len()), [tail.as_slice(), &harness.bytes].concat())
        }),
    );
    harness.refuses(&Kind::listed("bytes added at the end and in front", attacks))
}
