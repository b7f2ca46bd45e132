#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod collect;
mod decide;

use crate::fixture::installed;
use landfall_manifests::Digest;

/// How the tags of these tests begin.
const PREFIX: &str = "landfall.local/1d1d1d1d1d1d/acme/node:";

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}
