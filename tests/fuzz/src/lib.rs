//! What turns a [`Target`] into a program for libFuzzer.

use landfall_readers::Target;
use libfuzzer_sys::fuzzer_mutate;

pub use landfall_readers::target;
pub use libfuzzer_sys;

/// The least room that a piece of an input has for growing, in bytes.
const ROOM: usize = 64;

/// Makes the program for the target of this name.
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        use $crate::libfuzzer_sys;

        libfuzzer_sys::fuzz_target!(|input: &[u8]| {
            ($crate::target($name).read)(input);
        });
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::mutate($crate::target($name), data, size, max_size, seed)
        });
    };
}

/// Changes the first `size` bytes of `data`, which become at most `max_size`; how many they become.
pub fn mutate(target: &Target, data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let Some(mutate) = target.mutate else { return fuzzer_mutate(data, size, max_size) };
    let changed = mutate(&data[..size], seed, &mut general);
    let kept = changed.len().min(max_size);
    data[..kept].copy_from_slice(&changed[..kept]);
    kept
}

fn general(mut piece: Vec<u8>) -> Vec<u8> {
    let size = piece.len();
    piece.resize((2 * size).max(ROOM), 0);
    let most = piece.len();
    let changed = fuzzer_mutate(&mut piece, size, most);
    piece.truncate(changed);
    piece
}
