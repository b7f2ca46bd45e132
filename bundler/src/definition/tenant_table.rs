//! What a tenant image needs, as it is written in TOML: sizes as people write them, and names in the definition's own style.

use crate::byte_size;
use landfall_manifests::{Capability, HealthCheck, StartPeriod, Tenant, Writable, WritablePath};
use serde::Deserialize;
use std::collections::BTreeSet;

/// `tenant` of an image.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct TenantTable {
    /// The language by which `landfall tenant spawn --language` picks the image.
    language: String,
    /// The framework by which `--framework` picks among the images of a language.
    framework: Option<String>,
    /// The TCP port on which the tenant listens inside its container.
    #[cfg_attr(test, schemars(range(min = 1)))]
    port: u16,
    /// How it is found out whether a tenant is healthy: `"/path"`, which answers 200 to a GET request; `"tcp"`, where it is enough that
    /// the port takes connections; or `{ command = ["program", "argument"] }`, which is run in the container, without a shell, and ends
    /// with the exit code 0. One that takes longer than ten seconds has failed, and has to end by itself: nothing kills it, and no other is
    /// run before it has.
    health: HealthCheck,
    /// Seconds that a tenant may take from its start until it is healthy. Default: 60.
    #[cfg_attr(test, schemars(with = "Option<u16>", range(min = 1, max = 600)))]
    start_period: Option<StartPeriod>,
    /// Where a tenant can write, besides `/tmp`, `/run` and its two volumes `/app/data/users` and `/app/data/db`: the rest of its root
    /// is read-only. `{ path = "/var/cache/x", kind = "tmpfs", size = "64MiB" }` is in memory, empty at each start, and counts towards
    /// the tenant's memory; no program in it can be run. Without `size`, it is 64 MiB. `{ path = "/var/lib/x", kind = "volume" }` is on
    /// disk, begins with what the image has there, and is kept for as long as the tenant exists. Each `VOLUME` of the image is a
    /// volume, unless its path is here as a tmpfs. At most 32 paths.
    #[serde(default)]
    writable: Vec<WritableTable>,
    /// Capabilities (capabilities(7), without `CAP_`) that programs of the image may have. A tenant is never root and has none by
    /// itself; but the kernel starts a program whose file has capabilities (`setcap`) only where they are allowed. Docker lets any user
    /// listen on ports below 1024.
    #[serde(default)]
    capabilities: BTreeSet<Capability>,
    /// The memory that a tenant needs at least, such as `"512MiB"`. It is no limit: every tenant may use as much as the host's
    /// `tenants.memory`, and a host whose `tenants.memory` is less refuses to spawn the image.
    memory: Option<SizeText>,
    /// Whether installations and updates try the release with this image: a tenant of it has to become healthy within its
    /// `start_period`. One image may have it. Default: the first image with a `tenant` in the definition is tried.
    #[serde(default)]
    canary: bool,
}

/// A path at which a tenant can write.
#[derive(Debug, Deserialize)]
#[serde(try_from = "WritableKeys")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(with = "WritableKeys"))]
struct WritableTable(Writable);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WritableKeys {
    path: WritablePath,
    kind: WritableKind,
    size: Option<SizeText>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
enum WritableKind {
    Tmpfs,
    Volume,
}

/// A number of bytes, such as `64MiB`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(with = "String"))]
struct SizeText(u64);

impl TryFrom<String> for SizeText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        byte_size::parse(&text).map(Self)
    }
}

impl From<TenantTable> for Tenant {
    fn from(table: TenantTable) -> Self {
        Self {
            language: table.language,
            framework: table.framework,
            port: table.port,
            health: table.health,
            start_period: table.start_period.unwrap_or_default(),
            writable: table.writable.into_iter().map(|WritableTable(writable)| writable).collect(),
            capabilities: table.capabilities,
            memory: table.memory.map(|SizeText(bytes)| bytes),
            canary: table.canary,
        }
    }
}

impl TryFrom<WritableKeys> for WritableTable {
    type Error = String;

    fn try_from(WritableKeys { path, kind, size }: WritableKeys) -> Result<Self, String> {
        match (kind, size) {
            (WritableKind::Volume, Some(_)) => {
                Err(format!("{path} is a volume, whose size not every engine can limit: leave size out"))
            }
            (WritableKind::Volume, None) => Ok(Self(Writable::Volume { path })),
            (WritableKind::Tmpfs, size) => {
                Ok(Self(Writable::Tmpfs { path, size: size.map_or(Writable::DEFAULT_TMPFS, |SizeText(bytes)| bytes) }))
            }
        }
    }
}
