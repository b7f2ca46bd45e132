//! The harness of Landfall's tests on real hosts: a Docker Engine of its own as the connected machine, an isolated host
//! under it that has systemd, Docker and no network, and a FAT32 stick between the two.
//!
//! Everything lives under `target/testbed` and is removed when the last user is gone, however a test run ends. It needs
//! root and a Debian machine or a descendant's.

mod bundle_folder;
mod callers;
mod command;
mod engine;
pub mod fault;
mod files;
mod folder_host;
mod host;
pub mod hostile;
pub mod http;
pub mod image;
mod installation;
mod leftovers;
pub mod listeners;
pub mod machine;
mod mirror;
pub mod next;
mod platform;
mod programs;
mod publisher;
mod refusal;
mod registry;
mod releases;
mod report;
mod scratch;
mod seeded_rng;
mod small_release;
pub mod stand_in;
mod stick;
pub mod strace;
pub mod tar;
mod tenant_data;
mod tools;
pub mod workspace;

/// How long to wait for what must happen: far longer than it takes on the slowest machine, so that no
/// verdict depends on how fast a machine is.
pub const TIMEOUT: std::time::Duration = std::time::Duration::from_mins(10);

pub use bundle_folder::{AT as BUNDLES, BundleFolder};
pub use callers::{CallStats, Callers};
pub use command::{Command, Output, echo_commands};
pub use engine::Engine;
pub use files::FileList;
pub use folder_host::{FolderHost, MEMORY, Snapshot};
pub use host::{Host, Mount};
pub use hostile::{Capacity, HostileStick, ReadFault, Reads, StickSpec};
pub use installation::{API, Installation, Tenant};
pub use platform::Platform;
pub use programs::Programs;
pub use publisher::{Image, Publisher, Release};
pub use refusal::JsonOutcome;
pub use registry::Registry;
pub use report::{Report, tell};
pub use scratch::Scratch;
pub use seeded_rng::SeededRng;
pub use small_release::SmallRelease;
pub use stick::{AT as STICK, Stick, format as format_stick};
pub use tenant_data::{Dump, TenantData};
pub use tools::{ensure as ensure_tools, ensure_clock as ensure_clock_tools, ensure_proxy as ensure_proxy_tools};
