//! Cuts content where its bytes say so, and not at fixed offsets, so that the same bytes are cut alike wherever they are (FastCDC, Xia et al. 2016,
//! without its normalization).

/// The size of a chunk, which is a power of two of bytes on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkSize {
    average: usize,
}

/// No smaller chunks: each costs an entry in the index.
const SMALLEST: usize = 1 << 10;
/// How many chunks a base is cut into at most, about: what their index may take of memory.
const CHUNKS: u64 = 1 << 18;

impl ChunkSize {
    /// Of a base of this size.
    pub(super) fn of(base: u64) -> Self {
        let average = usize::try_from((base / CHUNKS).next_power_of_two()).unwrap_or(usize::MAX / 8);
        Self { average: average.clamp(SMALLEST, 1 << 22) }
    }

    /// The largest chunk.
    pub(super) fn largest(self) -> usize {
        self.average * 4
    }

    /// The size of the chunk that `bytes` begin with.
    pub(super) fn first(self, bytes: &[u8]) -> usize {
        let largest = bytes.len().min(self.largest());
        let smallest = self.average / 4;
        // The high bits: they depend on the last 64 bytes, the low ones on fewer.
        let mask = !(u64::MAX >> self.average.trailing_zeros());
        let mut hash: u64 = 0;
        for (at, byte) in bytes[..largest].iter().enumerate().skip(smallest.saturating_sub(64)) {
            hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
            if at >= smallest && hash & mask == 0 {
                return at + 1;
            }
        }
        largest
    }
}

/// A number for each byte (SplitMix64, Steele et al. 2014).
const GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let mut at = 0;
    let mut state: u64 = 0;
    while at < 256 {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        gear[at] = mixed ^ (mixed >> 31);
        at += 1;
    }
    gear
};

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(bytes: &[u8]) -> Vec<usize> {
        let size = ChunkSize::of(bytes.len() as u64);
        let mut rest = bytes;
        std::iter::from_fn(|| {
            let (_, after) = rest.split_at_checked(size.first(rest)).filter(|(chunk, _)| !chunk.is_empty())?;
            let chunk = rest.len() - after.len();
            rest = after;
            Some(chunk)
        })
        .collect()
    }

    #[test]
    fn the_same_bytes_are_cut_alike_behind_an_insertion() {
        let turned =
            |gear: &u64| (0..12).flat_map(|turn| gear.rotate_left(turn * 5).to_be_bytes()).collect::<Vec<u8>>();
        let bytes: Vec<u8> = GEAR.iter().flat_map(turned).collect();
        let moved = [&b"inserted"[..], &bytes].concat();
        let (plain, moved) = (sizes(&bytes), sizes(&moved));
        assert_eq!((plain.iter().sum::<usize>(), moved.iter().sum::<usize>()), (bytes.len(), bytes.len() + 8));
        let common = plain.iter().rev().zip(moved.iter().rev()).take_while(|(one, other)| one == other).count();
        assert!(plain.len() > 10 && common + 3 >= plain.len(), "{plain:?} {moved:?}");
    }

    #[test]
    fn no_chunk_is_larger_than_it_may_be() {
        assert_eq!(sizes(&vec![0; 100_000])[..3], [ChunkSize::of(0).largest(); 3]);
        assert!(ChunkSize::of(1 << 40).average == 1 << 22 && ChunkSize::of(0).average == SMALLEST);
    }
}
