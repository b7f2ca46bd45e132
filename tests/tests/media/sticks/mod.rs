//! Media that fail, lie and change: what is written to one is verified, and what is read from one is hashed and used in one pass or not at
//! all.
//!
//! The sticks are real file systems: FAT32 in a file, and one of our own that the kernel asks for every byte
//! (`landfall_tests::hostile`). `written` and `fat` write to them, `read_once`, `changing` and `failing` read from them.

mod changing;
mod failing;
mod fat;
mod fixtures;
mod large;
mod parity;
mod read_once;
mod written;
