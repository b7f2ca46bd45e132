use crate::limits;
use std::ops::RangeInclusive;

/// How much parity can be asked for, in percent of the bundle's size.
pub const PERCENT: RangeInclusive<u32> = 1..=50;

/// A block, in bytes: not less than a medium loses at once, a page of flash or a sector of a disk.
const BLOCK_BYTES: RangeInclusive<u32> = (4 << 10)..=(1 << 20);
/// The block of all but small bundles, in bytes.
const USUAL_BLOCK_BYTES: u32 = 32 << 10;
/// How many blocks a small bundle is cut into at least, so that its parity is more than one or two blocks.
const SMALL_BUNDLE_BLOCKS: u64 = 512;
/// Blocks of a bundle: their checksums are held in memory, in 4 MiB.
const BLOCKS: u64 = 1 << 20;
/// What one stripe takes in memory while it is computed, in bytes.
const STRIPE_BYTES: u64 = 16 << 20;
/// Blocks of one stripe, as the code counts them: more are slower, and mend no longer burst.
const STRIPE_SHARDS: u64 = 512;

/// Which blocks of a bundle are recovered together, and where the parity file has what.
///
/// The bundle is cut into blocks, and `recovery` adjacent blocks are a *run*. Every [`Geometry::stripes`]th run belongs to one
/// *stripe*: at most `rows` runs, for which the parity file has one run of recovery blocks. Any blocks of a stripe, of either kind, can be
/// recovered as long as no more than `recovery` of them are bad. A burst that is no longer than all recovery blocks together
/// takes no more than that from any stripe, wherever it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    bundle_bytes: u64,
    block_bytes: u32,
    rows: u32,
    recovery: u32,
}

/// A block of the bundle, by its place in the stripe that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The stripe's number, from 0.
    pub stripe: u64,
    /// Its number in the stripe, from 0.
    pub number: u64,
}

/// No parity file is like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// Parity was asked for that is too little or too much.
    #[error("parity of {0} % cannot be made: from {first} to {last} % can", first = PERCENT.start(), last = PERCENT.end())]
    Percent(u32),
    /// The bundle is too large for so little parity.
    #[error("a bundle of {bundle_bytes} bytes is too large for parity of {percent} %: ask for more, or do without")]
    TooLarge {
        /// The bundle's size in bytes.
        bundle_bytes: u64,
        /// What was asked for.
        percent: u32,
    },
    /// A parity file has numbers that this program writes into none.
    #[error("its numbers fit no bundle")]
    OutOfBounds,
}

impl Geometry {
    /// The geometry of these numbers, which may come from a parity file.
    ///
    /// # Errors
    /// [`GeometryError::OutOfBounds`].
    pub fn new(bundle_bytes: u64, block_bytes: u32, rows: u32, recovery: u32) -> Result<Self, GeometryError> {
        let (widest, most) = (u64::from(*PERCENT.end()), 100 / u64::from(*PERCENT.start()));
        let is_sound = (1..=limits::BLOB_BYTES).contains(&bundle_bytes)
            && BLOCK_BYTES.contains(&block_bytes)
            && block_bytes.is_power_of_two()
            && (100 / widest..=most).contains(&u64::from(rows))
            && (1..=STRIPE_SHARDS).contains(&u64::from(recovery))
            && fits(block_bytes, rows, recovery)
            && bundle_bytes.div_ceil(u64::from(block_bytes)) <= BLOCKS;
        if is_sound { Ok(Self { bundle_bytes, block_bytes, rows, recovery }) } else { Err(GeometryError::OutOfBounds) }
    }

    /// The geometry for a bundle of this size, whose parity is at least so many percent of it.
    ///
    /// # Errors
    /// The bundle is too large, or empty.
    pub fn for_bundle(bundle_bytes: u64, percent: u32) -> Result<Self, GeometryError> {
        if !PERCENT.contains(&percent) {
            return Err(GeometryError::Percent(percent));
        }
        let too_large = GeometryError::TooLarge { bundle_bytes, percent };
        let block_bytes = block_bytes_for(bundle_bytes).ok_or(too_large)?;
        let rows = 100 / percent;
        // As many in a stripe as memory allows: the more, the less it matters where single bad blocks are.
        let most = (1..=STRIPE_SHARDS).map_while(|recovery| u32::try_from(recovery).ok());
        let most = most.take_while(|recovery| fits(block_bytes, rows, *recovery)).last().ok_or(too_large)?;
        let blocks = bundle_bytes.div_ceil(u64::from(block_bytes));
        let stripes = blocks.div_ceil(u64::from(rows * most));
        // The last stripe would be nearly empty, and cost as much: all are made smaller alike.
        let recovery = blocks.div_ceil(u64::from(rows) * stripes.max(1));
        Self::new(bundle_bytes, block_bytes, rows, u32::try_from(recovery).unwrap_or(u32::MAX))
    }

    /// The size of the bundle, in bytes.
    pub fn bundle_bytes(&self) -> u64 {
        self.bundle_bytes
    }

    /// The size of a block, in bytes.
    pub fn block_bytes(&self) -> u32 {
        self.block_bytes
    }

    /// How many runs of the bundle's blocks a stripe has at most.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// How many recovery blocks a stripe has: as many of its blocks can be recovered.
    pub fn recovery(&self) -> u32 {
        self.recovery
    }

    /// How many blocks a stripe has at most, recovery blocks not counted.
    pub fn shards(&self) -> u64 {
        u64::from(self.rows) * u64::from(self.recovery)
    }

    /// How many blocks the bundle has; the last one may be shorter, and is taken for one that ends with zeros.
    pub fn blocks(&self) -> u64 {
        self.bundle_bytes.div_ceil(u64::from(self.block_bytes))
    }

    /// How many stripes there are.
    pub fn stripes(&self) -> u64 {
        self.blocks().div_ceil(self.shards())
    }

    /// How many recovery blocks there are in all. A burst of as many blocks is recovered.
    pub fn recovery_blocks(&self) -> u64 {
        self.stripes() * u64::from(self.recovery)
    }

    /// The block that has the byte at `offset` of the bundle.
    pub fn block_at(&self, offset: u64) -> u64 {
        offset / u64::from(self.block_bytes)
    }

    /// Where a block begins in the bundle, and how many of its bytes are the bundle's.
    pub fn place_of(&self, block: u64) -> (u64, usize) {
        let begin = block.saturating_mul(u64::from(self.block_bytes));
        let bytes = self.bundle_bytes.saturating_sub(begin).min(u64::from(self.block_bytes));
        (begin, usize::try_from(bytes).unwrap_or_default())
    }

    /// The place of a block of the bundle in its stripe.
    pub fn shard_of(&self, block: u64) -> Shard {
        let (run, within) = (block / u64::from(self.recovery), block % u64::from(self.recovery));
        let (row, stripe) = (run / self.stripes(), run % self.stripes());
        Shard { stripe, number: row * u64::from(self.recovery) + within }
    }

    /// The block of the bundle at a place in a stripe; `None` behind the bundle's end, where all bytes are taken for zeros.
    pub fn block_of(&self, shard: Shard) -> Option<u64> {
        let (row, within) = (shard.number / u64::from(self.recovery), shard.number % u64::from(self.recovery));
        let run = row * self.stripes() + shard.stripe;
        Some(run * u64::from(self.recovery) + within).filter(|block| *block < self.blocks())
    }
}

/// The size of the blocks of such a bundle: as small as the number of their checksums allows. `None` if it is too large.
fn block_bytes_for(bundle_bytes: u64) -> Option<u32> {
    let sizes = std::iter::successors(Some(*BLOCK_BYTES.start()), |size| size.checked_mul(2));
    let mut sizes = sizes.take_while(|size| size <= BLOCK_BYTES.end());
    let is_enough = |size: &u32| {
        let blocks = if *size < USUAL_BLOCK_BYTES { SMALL_BUNDLE_BLOCKS } else { BLOCKS };
        bundle_bytes.div_ceil(u64::from(*size)) <= blocks
    };
    sizes.find(is_enough)
}

/// Whether such a stripe fits the memory. The code rounds up to powers of two, for recovery blocks and for all.
fn fits(block_bytes: u32, rows: u32, recovery: u32) -> bool {
    let (rows, recovery) = (u64::from(rows), u64::from(recovery));
    let shards = (rows * recovery + recovery.next_power_of_two()).next_power_of_two();
    shards <= STRIPE_SHARDS && shards * u64::from(block_bytes) <= STRIPE_BYTES
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
