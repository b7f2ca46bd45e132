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
    /// What minisign writes where memory allows: two to three seconds and 1 GiB.
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
        // Where time is the tighter limit, N follows from it and p is 1; else N follows from memory, and p takes up
        // the rest of the time.
        let cheap = self.operations < self.memory_bytes / 32;
        let most_blocks = if cheap { self.operations / (block * 4) } else { self.memory_bytes / (block * 128) };
        let mut log_n: u8 = 1;
        while 1 << log_n <= most_blocks / 2 {
            log_n += 1;
        }
        if cheap {
            return (log_n, 1);
        }
        // r * p must stay below 2^30 (RFC 7914, section 2).
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
        // scrypt's array V: N blocks of 128 * r bytes (RFC 7914, section 5).
        let bytes = 128 * BLOCK_SIZE as usize * (1 << log_n);
        check_memory(bytes)?;
        let mut output = Zeroizing::new([0; N]);
        Params::new(log_n, BLOCK_SIZE, lanes)
            .ok()
            .and_then(|params| scrypt::scrypt(password, salt, &params, output.as_mut()).ok())
            .ok_or(OutOfMemory { bytes })?;
        Ok(output)
    }
}

/// scrypt allocates without a way to fail. Asking first turns an abort into an error where the address
/// space is limited; where memory is overcommitted, nothing can be known in advance.
fn check_memory(bytes: usize) -> Result<(), OutOfMemory> {
    let mut probe = Vec::<u8>::new();
    probe.try_reserve_exact(bytes).map_err(|_| OutOfMemory { bytes })?;
    // An allocation that is never read may be optimised away, and with it the failure.
    std::hint::black_box(probe);
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// `crypto_pwhash_scryptsalsa208sha256` of libsodium 1.0.18 for the password `correct horse` and the salt
    /// 00 01 … 1f: operations, memory, the parameters that it picks, and the first 32 bytes. Both branches
    /// of the choice, both sides of the line between them, and limits that are not powers of two.
    const LIBSODIUM: [(u64, u64, (u8, u32), &str); 6] = [
        (32_768, 16 << 20, (10, 1), "1fa1348854818a9e4e9037d04148d79bf80ee7ccc89564199957a2a783532f80"),
        (524_287, 16 << 20, (13, 1), "f1abf66fc3069ea71bd7d06b299f271d0f11f3bd22bdafa97545b5c99f65e776"),
        (524_288, 16 << 20, (14, 1), "f5b7864f3c8503cb1652e6a71f5278bfcff1c0b52c9f12ac7c37249412010867"),
        (600_001, 17_000_001, (14, 1), "f5b7864f3c8503cb1652e6a71f5278bfcff1c0b52c9f12ac7c37249412010867"),
        (1 << 20, 16 << 20, (14, 2), "12ea0fc861ee4059ea049186b6e9b1bd85a6e6758a045ee3db4e58f7290553b5"),
        (3_000_000, 40_000_000, (15, 2), "c62d43de6c34bd3a4f809810158f2714efddc1c9948fa6055e0ec297919cfada"),
    ];

    #[test]
    fn derives_what_libsodium_derives() {
        let salt = std::array::from_fn(|index| u8::try_from(index).unwrap());
        for (operations, memory_bytes, cost, expected) in LIBSODIUM {
            let limits = Limits::new(operations, memory_bytes).unwrap();
            assert_eq!(limits.cost(), cost, "{limits:?}");
            let output = limits.derive::<32>(b"correct horse", &salt).unwrap();
            assert_eq!(hex::encode(output), expected, "{limits:?}");
        }
    }

    #[test]
    fn costs_as_much_as_minisign_where_it_writes_a_key() {
        assert_eq!(Limits::SENSITIVE.cost(), (20, 1));
        assert_eq!(Limits::new(1 << 25, 1 << 30), Some(Limits::SENSITIVE));
    }

    #[test]
    fn refuses_limits_outside_of_what_minisign_writes() {
        let refused = [
            (0, 0),
            (32_767, 1 << 30),
            ((1 << 25) + 1, 1 << 30),
            (u64::MAX, 1 << 30),
            (1 << 25, (16 << 20) - 1),
            (1 << 25, (1 << 30) + 1),
            (1 << 25, u64::MAX),
        ];
        for (operations, memory_bytes) in refused {
            assert_eq!(Limits::new(operations, memory_bytes), None, "{operations} {memory_bytes}");
        }
    }

    #[test]
    fn gets_scrypt_parameters_for_all_limits_that_are_read() {
        for operations in [32_768, 524_288, 1 << 24, 1 << 25] {
            for memory_bytes in [16 << 20, (16 << 20) + 1, 1 << 28, 1 << 30] {
                let (log_n, lanes) = Limits::new(operations, memory_bytes).unwrap().cost();
                assert!((10..=20).contains(&log_n) && (1..=64).contains(&lanes), "{log_n} {lanes}");
                Params::new(log_n, BLOCK_SIZE, lanes).unwrap();
            }
        }
    }
}
