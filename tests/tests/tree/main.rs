//! What holds for the source tree itself: which crate may use which, and that documents name what is there.

mod dependencies;
mod documents;
