#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod collect;
mod decide;

use crate::engine::EngineAddress;
use crate::record::Schema;
use crate::state::installed::{HostEnvironment, Installed, InstalledRelease};
use landfall_manifests::Digest;

/// How the tags of these tests begin.
const PREFIX: &str = "landfall.local/acme/node:";

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn installed(current: InstalledRelease, kept: Vec<InstalledRelease>) -> Installed {
    let host = HostEnvironment { engine: EngineAddress::None, systemd: false };
    Installed { schema: Schema, current, kept, host, created: Vec::new() }
}
