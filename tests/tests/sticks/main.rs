//! Media that fail, lie and change: what is carried on one is known to be on it, and what is on one is believed once or not at
//! all.
//!
//! The sticks are real file systems: FAT32 in a file, and one of our own that the kernel asks for every byte
//! (`landfall_tests::hostile`). `carried` and `fat` write to them, `counted`, `changed` and `failing` read from them.

mod carried;
mod changed;
mod counted;
mod failing;
mod fat;
mod large;
mod site;
