//! The names of a bundle's parts, and the sizes that their files have.

use crate::{ReadOutcome, Target, none};
use landfall_manifests::limits;
use landfall_manifests::parts::{Ranges, parse_part_name, part_name};

/// Every byte of a bundle lies in one part, and parts of one size are cut as they were asked for.
pub(crate) const TARGET: Target = Target { name: "parts", read, seeds, findings: none, mutate: None };

/// An input is a name on a line of its own, and sizes of this many bytes each, the most significant one first.
const SIZE: usize = size_of::<u64>();

fn read(input: &[u8]) -> ReadOutcome {
    let (name, sizes) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    let named = std::str::from_utf8(name).ok().and_then(|name| Some((name, parse_part_name(name)?)));
    if let Some((name, (bundle, number))) = named {
        assert_eq!(part_name(bundle, number), name);
    }
    let sizes: Vec<u64> = sizes[sizes.len().min(1)..]
        .chunks_exact(SIZE)
        .map(|size| size.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
        .collect();
    if let [total, size, ..] = sizes[..] {
        cut(total, size);
    }
    match Ranges::new(sizes.iter().copied()) {
        Ok(ranges) => {
            hold(&ranges, &sizes);
            if named.is_some() { ReadOutcome::Accepted } else { ReadOutcome::Refused }
        }
        Err(_) => ReadOutcome::Refused,
    }
}

fn hold(ranges: &Ranges, sizes: &[u64]) {
    assert_eq!(u32::try_from(sizes.len()), Ok(ranges.count()));
    assert_eq!(ranges.total(), sizes.iter().sum::<u64>());
    let mut end = 0;
    for ((part, range), size) in ranges.iter().zip(sizes) {
        assert_eq!((range.start, range.end), (end, end + size));
        for offset in [range.start, range.end - 1] {
            let place = ranges.locate(offset).expect("a byte before the end");
            assert_eq!((place.part, place.offset), (part, offset - range.start));
        }
        end = range.end;
    }
    assert_eq!(ranges.locate(end), None);
}

fn cut(total: u64, size: u64) {
    let Ok(ranges) = Ranges::cut(total, size) else { return };
    assert!(ranges.total() == total && ranges.count() <= limits::PARTS);
    let sizes: Vec<u64> = ranges.iter().map(|(_, range)| range.end - range.start).collect();
    assert!(sizes.iter().rev().skip(1).all(|found| *found == size));
}

fn seeds() -> Vec<Vec<u8>> {
    let input = |name: &str, sizes: &[u64]| {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        part_name(name, 1).into_bytes().into_iter().chain([b'\n']).chain(sizes).collect()
    };
    let sizes = [700_u64 << 20, 700 << 20, 1];
    vec![input("acme-1.0.0-linux-amd64.landfall.tar", &sizes), input("a", &[1; 40]), input("b.part002", &[u64::MAX])]
}
