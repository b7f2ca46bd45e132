//! What holds for the source tree itself: which crate and which file may use which, and that documents name what is there.

mod circles;
mod dependencies;
mod documents;
mod hints;
