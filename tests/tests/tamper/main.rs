//! No changed bundle is accepted: a small bundle is changed in every way that we can think of, and each of its changes is
//! refused by `verify`, `install` and `update` alike, with exit code 3, 4 or 5, while the host stays as it was, to the bit.
//!
//! `bytes`, `structure`, `smuggled`, `signatures`, `mixes` and `parts` say what is done to it; a [`harness::Harness`] is where it is done.
//! `LANDFALL_TAMPER=all`, which `make tamper` sets, does all of it; otherwise a sample is taken, which its printed seed brings
//! back.

mod attack;
mod bytes;
mod counts;
mod harness;
mod mixes;
mod parts;
mod sample;
mod signatures;
mod smuggled;
mod structure;
mod target;
