//! What holds for the source tree itself: who may use whom, and that documents name what is there.

mod dependencies;
mod documents;
