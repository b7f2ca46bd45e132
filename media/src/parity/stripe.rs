//! The code of one stripe: Reed–Solomon over GF(2^16), by the transform of Lin, Al-Naffouri, Han and Chung ("Novel Polynomial Basis
//! With Fast Fourier Transform and Its Application to Reed–Solomon Erasure Codes", 2016), as the library Leopard computes it.

use landfall_manifests::parity::{Geometry, Shard};
use reed_solomon_simd::{Error, ReedSolomonDecoder, ReedSolomonEncoder};
use std::fmt;

/// More blocks of a stripe are bad than can be recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    /// How many of the bundle's blocks.
    pub(crate) blocks: u64,
    /// How many could be recovered: the recovery blocks that are good.
    pub(crate) recoverable: u64,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocks are lost together, of which {} can be recovered", self.blocks, self.recoverable)
    }
}

/// Where the blocks of a stripe are read. Both answer whether the block is good, and leave what is behind the bundle's end alone.
pub(super) trait Blocks {
    /// Reads a block of the bundle.
    fn block(&mut self, block: u64, buffer: &mut [u8]) -> bool;
    /// Reads a recovery block of the stripe.
    fn recovery(&mut self, number: u64, buffer: &mut [u8]) -> bool;
}

/// Recovers all bad blocks of a stripe: their numbers in the bundle, and their bytes, filled up with zeros.
pub(super) fn recover(geometry: &Geometry, stripe: u64, source: &mut impl Blocks) -> Result<Vec<(u64, Vec<u8>)>, Lost> {
    // The code refuses numbers that a checked geometry does not have.
    let impossible = |_: Error| Lost { blocks: geometry.shards(), recoverable: 0 };
    let (shards, recovery, bytes) = sizes(geometry);
    let mut decoder = ReedSolomonDecoder::new(shards, recovery, bytes).map_err(impossible)?;
    let mut buffer = vec![0; bytes];
    // 1. The bundle's own blocks.
    let mut lost = Vec::new();
    for number in 0..shards {
        buffer.fill(0);
        match geometry.block_of(Shard { stripe, number: number as u64 }) {
            Some(block) if !source.block(block, &mut buffer) => lost.push((number, block)),
            _ => decoder.add_original_shard(number, &buffer).map_err(impossible)?,
        }
    }
    // 2. As many recovery blocks as are needed.
    let mut found = 0;
    for number in 0..recovery {
        if found < lost.len() && source.recovery(number as u64, &mut buffer) {
            decoder.add_recovery_shard(number, &buffer).map_err(impossible)?;
            found += 1;
        }
    }
    if found < lost.len() {
        return Err(Lost { blocks: lost.len() as u64, recoverable: found as u64 });
    }
    // 3. What is missing.
    let result = decoder.decode().map_err(impossible)?;
    let restored = |(number, block)| Some((block, result.restored_original(number)?.to_vec()));
    Ok(lost.into_iter().filter_map(restored).collect())
}

/// Computes the recovery blocks of stripes.
pub(crate) struct StripeEncoder {
    geometry: Geometry,
    encoder: ReedSolomonEncoder,
    buffer: Vec<u8>,
}

impl StripeEncoder {
    pub(crate) fn new(geometry: Geometry) -> Result<Self, Error> {
        let (shards, recovery, bytes) = sizes(&geometry);
        Ok(Self { geometry, encoder: ReedSolomonEncoder::new(shards, recovery, bytes)?, buffer: vec![0; bytes] })
    }

    /// Reads the blocks of a stripe by `read`, each filled up with zeros, and passes its recovery blocks to `write`, in order.
    pub(crate) fn encode<E: From<Error>>(
        &mut self,
        stripe: u64,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for number in 0..self.geometry.shards() {
            self.buffer.fill(0);
            if let Some(block) = self.geometry.block_of(Shard { stripe, number }) {
                read(block, &mut self.buffer)?;
            }
            self.encoder.add_original_shard(&self.buffer)?;
        }
        self.encoder.encode()?.recovery_iter().try_for_each(&mut write)
    }
}

/// Blocks and recovery blocks of a stripe, and the bytes of a block. A geometry is bounded far below what a `usize` holds.
fn sizes(geometry: &Geometry) -> (usize, usize, usize) {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    (size(geometry.shards()), size(geometry.recovery().into()), size(geometry.block_bytes().into()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_manifests::parity::checksum;
    use std::collections::BTreeSet;

    /// A bundle in memory, and its recovery blocks.
    struct Sample {
        geometry: Geometry,
        bundle: Vec<u8>,
        recovery: Vec<Vec<u8>>,
    }

    impl Sample {
        fn new(bytes: u64, percent: u32) -> Self {
            let geometry = Geometry::for_bundle(bytes, percent).unwrap();
            let noise = (0..u32::try_from(bytes).unwrap()).map(|at| at.wrapping_mul(0x9e37_79b9).to_be_bytes()[0]);
            let mut sample = Self { geometry, bundle: noise.collect(), recovery: Vec::new() };
            let mut encoder = StripeEncoder::new(geometry).unwrap();
            for stripe in 0..geometry.stripes() {
                let mut recovery = Vec::new();
                let read = |block, buffer: &mut [u8]| {
                    sample.read(block, buffer);
                    Ok::<_, Error>(())
                };
                let write = |block: &[u8]| {
                    recovery.push(block.to_vec());
                    Ok(())
                };
                encoder.encode(stripe, read, write).unwrap();
                sample.recovery.extend(recovery);
            }
            sample
        }

        fn read(&self, block: u64, buffer: &mut [u8]) {
            let (begin, bytes) = self.geometry.place_of(block);
            buffer[..bytes].copy_from_slice(&self.bundle[usize::try_from(begin).unwrap()..][..bytes]);
        }

        /// Recovers a stripe of which these blocks, and so many recovery blocks, are bad.
        fn recover(&self, stripe: u64, lost: &BTreeSet<u64>, lost_recovery: u64) -> Result<Vec<(u64, Vec<u8>)>, Lost> {
            recover(&self.geometry, stripe, &mut Bad { sample: self, stripe, lost, lost_recovery })
        }
    }

    struct Bad<'a> {
        sample: &'a Sample,
        stripe: u64,
        lost: &'a BTreeSet<u64>,
        lost_recovery: u64,
    }

    impl Blocks for Bad<'_> {
        fn block(&mut self, block: u64, buffer: &mut [u8]) -> bool {
            self.sample.read(block, buffer);
            !self.lost.contains(&block)
        }

        fn recovery(&mut self, number: u64, buffer: &mut [u8]) -> bool {
            let index = self.stripe * u64::from(self.sample.geometry.recovery()) + number;
            buffer.copy_from_slice(&self.sample.recovery[usize::try_from(index).unwrap()]);
            number >= self.lost_recovery
        }
    }

    #[test]
    fn every_burst_up_to_the_parity_is_recovered_and_no_longer_one() {
        let sample = Sample::new(3_000_001, 5);
        let geometry = sample.geometry;
        let most = geometry.recovery_blocks();
        for burst in [1, 2, most / 2, most] {
            for begin in (0..geometry.blocks()).step_by(7).chain([geometry.blocks() - burst, geometry.blocks() - 1]) {
                let lost: BTreeSet<u64> = (begin..(begin + burst).min(geometry.blocks())).collect();
                let stripes: BTreeSet<u64> = lost.iter().map(|block| geometry.shard_of(*block).stripe).collect();
                let mut found = BTreeSet::new();
                for stripe in stripes {
                    for (block, bytes) in sample.recover(stripe, &lost, 0).unwrap() {
                        let mut expected = vec![0; bytes.len()];
                        sample.read(block, &mut expected);
                        assert!(bytes == expected, "block {block} of {begin}+{burst}");
                        found.insert(block);
                    }
                }
                assert_eq!(found, lost);
            }
        }
        let lost: BTreeSet<u64> = (0..=most).collect();
        let expected = u64::from(geometry.recovery());
        assert_eq!(sample.recover(0, &lost, 0), Err(Lost { blocks: expected + 1, recoverable: expected }));
    }

    #[test]
    fn recovery_blocks_that_are_bad_recover_nothing_and_spoil_nothing() {
        let sample = Sample::new(700_000, 5);
        let recovery = u64::from(sample.geometry.recovery());
        for bad in 0..=recovery {
            let lost: BTreeSet<u64> = (0..recovery - bad).map(|block| block * 3).collect();
            assert_eq!(sample.recover(0, &lost, bad).unwrap().len(), lost.len(), "{bad}");
            let more: BTreeSet<u64> = (0..=recovery - bad).map(|block| block * 3).collect();
            let error = sample.recover(0, &more, bad).unwrap_err();
            assert_eq!(error, Lost { blocks: recovery - bad + 1, recoverable: recovery - bad }, "{bad}");
        }
    }

    /// Parity files are read by later programs: the code is part of the format.
    #[test]
    fn recovery_blocks_are_what_they_were() {
        let sums: Vec<u32> = [(700_000, 5), (300_000, 50)]
            .map(|(bytes, percent)| checksum(&Sample::new(bytes, percent).recovery.concat()))
            .to_vec();
        assert_eq!(sums, [1_426_860_263, 783_934_885]);
    }
}
