//! Signatures of images as cosign 2 makes them with a key, and keeps them beside the image: as the layers of an image with the tag
//! `sha256-DIGEST.sig`. Each layer is a statement about one digest ("simple signing"), and its signature is an annotation of the layer.
//!
//! - `key` and `statement` are what cosign writes, and pure.
//! - `search` asks the registry. What it finds proves nothing until the key has verified it.

mod key;
mod search;
mod statement;

pub(crate) use key::{CosignKey, CosignKeyError};
pub(crate) use search::{CosignError, find_proof};
