use super::*;
use std::collections::BTreeMap;

const SIZES: [u64; 10] = [1, 4096, 4097, 700_000, 2 << 20, 16 << 20, 227 << 20, 5 << 30, 33 << 30, 120 << 30];

#[test]
fn parity_is_what_was_asked_for_and_a_little_more() {
    for bytes in SIZES {
        for percent in [1, 3, 5, 7, 10, 20, 33, 34, 50] {
            let Ok(geometry) = Geometry::for_bundle(bytes, percent) else {
                assert!(bytes > 100 << 30 && percent < 5, "{bytes} {percent}");
                continue;
            };
            let parity = geometry.recovery_blocks() * u64::from(geometry.block_bytes());
            assert!(parity * 100 >= bytes * u64::from(percent), "{bytes} {percent}: {parity}");
            // What the rows are rounded to, and in each stripe up to a block a row.
            let most =
                bytes / u64::from(geometry.rows()) + (geometry.stripes() + 1) * u64::from(geometry.block_bytes());
            assert!(parity <= most, "{bytes} {percent}: {parity} > {most}");
            assert_eq!(
                Geometry::new(bytes, geometry.block_bytes(), geometry.rows(), geometry.recovery()),
                Ok(geometry)
            );
        }
    }
}

#[test]
fn each_block_has_one_place_in_one_stripe() {
    for (bytes, percent) in [(1, 5), (700_000, 5), (3_333_333, 50), (40 << 20, 5), (90 << 20, 1)] {
        let geometry = Geometry::for_bundle(bytes, percent).unwrap();
        let mut found = vec![0; usize::try_from(geometry.blocks()).unwrap()];
        for stripe in 0..geometry.stripes() {
            for number in 0..geometry.shards() {
                let shard = Shard { stripe, number };
                let Some(block) = geometry.block_of(shard) else { continue };
                assert_eq!(geometry.shard_of(block), shard);
                found[usize::try_from(block).unwrap()] += 1;
            }
        }
        assert!(found.iter().all(|times| *times == 1), "{bytes} {percent}");
    }
}

#[test]
fn no_burst_takes_more_of_a_stripe_than_can_be_recovered() {
    for (bytes, percent) in [(700_000, 5), (40 << 20, 5), (90 << 20, 20), (90 << 20, 50)] {
        let geometry = Geometry::for_bundle(bytes, percent).unwrap();
        let burst = geometry.recovery_blocks();
        let worst = |burst: u64, begin: u64| {
            let mut lost = BTreeMap::new();
            for block in begin..(begin + burst).min(geometry.blocks()) {
                *lost.entry(geometry.shard_of(block).stripe).or_insert(0_u32) += 1;
            }
            lost.into_values().max().unwrap_or_default()
        };
        for begin in 0..geometry.blocks() {
            assert!(worst(burst, begin) <= geometry.recovery(), "{bytes} {percent} from {begin}");
        }
        assert_eq!(worst(burst + 1, 0), geometry.recovery() + 1, "and one block more is too much");
    }
}

#[test]
fn blocks_are_as_large_as_the_bundle_needs() {
    for (bytes, expected) in [
        (1, Some(4 << 10)),
        (2 << 20, Some(4 << 10)),
        ((2 << 20) + 1, Some(8 << 10)),
        (5 << 30, Some(32 << 10)),
        (32 << 30, Some(32 << 10)),
        ((32 << 30) + 1, Some(64 << 10)),
        (1 << 40, Some(1 << 20)),
        ((1 << 40) + 1, None),
    ] {
        assert_eq!(block_bytes_for(bytes), expected, "{bytes}");
    }
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let sound = Geometry::new(5 << 30, 32 << 10, 20, 11);
    assert!(sound.is_ok());
    for (bytes, block, rows, recovery) in [
        (0, 32 << 10, 20, 11),
        (u64::MAX, 1 << 20, 20, 1),
        (5 << 30, 0, 20, 11),
        (5 << 30, 33 << 10, 20, 11),
        (5 << 30, 2 << 10, 20, 11),
        (5 << 30, 2 << 20, 2, 1),
        (5 << 30, 4 << 10, 20, 11),
        (5 << 30, 32 << 10, 0, 11),
        (5 << 30, 32 << 10, 1, 11),
        (5 << 30, 32 << 10, 101, 1),
        (5 << 30, 32 << 10, u32::MAX, u32::MAX),
        (5 << 30, 32 << 10, 20, 0),
        (5 << 30, 32 << 10, 20, 25),
        (5 << 30, 32 << 10, 20, u32::MAX),
    ] {
        assert_eq!(
            Geometry::new(bytes, block, rows, recovery),
            Err(GeometryError::OutOfBounds),
            "{bytes} {block} {rows} {recovery}"
        );
    }
    assert_eq!(Geometry::for_bundle(1000, 0), Err(GeometryError::Percent(0)));
    assert_eq!(Geometry::for_bundle(1000, 51), Err(GeometryError::Percent(51)));
    assert!(matches!(Geometry::for_bundle(1 << 41, 5), Err(GeometryError::TooLarge { .. })));
}
