//! scrypt as libsodium's `crypto_pwhash_scryptsalsa208sha256` runs it, which is what minisign
//! protects secret keys with.

use scrypt::Params;
use zeroize::Zeroizing;

/// Bytes of the salt.
pub(crate) const SALT_BYTES: usize = 32;

/// The least that libsodium and so minisign settles for (`OPSLIMIT_MIN`, `MEMLIMIT_MIN`). A file that
/// asks for less was not written by minisign.
const MIN_OPERATIONS: u64 = 32_768;
const MIN_MEMORY_BYTES: u64 = 16 << 20;

/// The most that minisign writes (`OPSLIMIT_SENSITIVE`, `MEMLIMIT_SENSITIVE`). More would let a key
/// file ask for any amount of time and memory.
const MAX_OPERATIONS: u64 = 1 << 25;
const MAX_MEMORY_BYTES: u64 = 1 << 30;

/// scrypt's block size, in units of 128 bytes. libsodium fixes it.
const BLOCK_SIZE: u32 = 8;

/// How much work turning a password into a key is, as minisign's files state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    operations: u64,
    memory_bytes: u64,
}

/// A derivation that cannot be done here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory {
    pub(crate) bytes: usize,
}

impl Limits {
    /// What minisign writes where memory allows: about a second and 1 GiB.
    pub(crate) const SENSITIVE: Self = Self { operations: MAX_OPERATIONS, memory_bytes: MAX_MEMORY_BYTES };

    /// The cheapest that are read: a few milliseconds.
    #[cfg(test)]
    pub(crate) const CHEAPEST: Self = Self { operations: MIN_OPERATIONS, memory_bytes: MIN_MEMORY_BYTES };

    /// `None` if outside of what minisign writes.
    pub(crate) fn new(operations: u64, memory_bytes: u64) -> Option<Self> {
        let allowed = (MIN_OPERATIONS..=MAX_OPERATIONS).contains(&operations)
            && (MIN_MEMORY_BYTES..=MAX_MEMORY_BYTES).contains(&memory_bytes);
        allowed.then_some(Self { operations, memory_bytes })
    }

    pub(crate) fn operations(self) -> u64 {
        self.operations
    }

    pub(crate) fn memory_bytes(self) -> u64 {
        self.memory_bytes
    }

    /// libsodium's `pickparams`: log2 of scrypt's `N`, and `p`.
    fn cost(self) -> (u8, u32) {
        let block = u64::from(BLOCK_SIZE);
        let cheap = self.operations < self.memory_bytes / 32;
        let most_blocks = if cheap { self.operations / (block * 4) } else { self.memory_bytes / (block * 128) };
        let mut log_n: u8 = 1;
        while 1 << log_n <= most_blocks / 2 {
            log_n += 1;
        }
        if cheap {
            return (log_n, 1);
        }
        let lanes = ((self.operations / 4) >> log_n).min(0x3fff_ffff) / block;
        (log_n, u32::try_from(lanes).unwrap_or(u32::MAX))
    }

    /// Fills `N` bytes from a password. Takes the time and memory that the limits say.
    pub(crate) fn derive<const N: usize>(
        self,
        password: &[u8],
        salt: &[u8; SALT_BYTES],
    ) -> Result<Zeroizing<[u8; N]>, OutOfMemory> {
        let (log_n, lanes) = self.cost();
        let bytes = 128 * BLOCK_SIZE as usize * (1 << log_n);
        // scrypt allocates without a way to fail; asking first turns an abort into an error.
        Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| OutOfMemory { bytes })?;
        let mut output = Zeroizing::new([0; N]);
        Params::new(log_n, BLOCK_SIZE, lanes)
            .ok()
            .and_then(|params| scrypt::scrypt(password, salt, &params, output.as_mut()).ok())
            .ok_or(OutOfMemory { bytes })?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_parameters_that_libsodium_picks() {
        // libsodium's pickparams(), computed from its C source.
        let table = [(Limits::SENSITIVE, (20, 1)), (Limits::CHEAPEST, (10, 1))];
        for (limits, cost) in table {
            assert_eq!(limits.cost(), cost, "{limits:?}");
        }
    }
}
