//! The harness of Landfall's tests on real hosts: a Docker Engine of its own as the connected machine, an isolated host
//! under it that has systemd, Docker and no network, and a FAT32 stick between the two.
//!
//! Everything lives under `target/testbed` and is put away when the last user is gone, however a test run ends. It needs
//! root and a Debian machine or a descendant's.

mod callers;
mod command;
mod desk;
mod dice;
mod engine;
pub mod fault;
mod files;
mod folder_host;
mod holdings;
mod host;
pub mod hostile;
pub mod http;
pub mod image;
mod landed;
pub mod machine;
mod miniature;
mod mirror;
pub mod neighbours;
pub mod next;
mod programs;
mod publisher;
mod refusal;
mod releases;
mod report;
mod shelf;
pub mod stand_in;
mod stick;
pub mod strace;
pub mod tar;
mod tools;
mod traces;
pub mod workspace;

/// After what time something that must happen is taken to have failed: far longer than it takes on the slowest machine, so that no
/// verdict depends on how fast a machine is.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_mins(10);

pub use callers::{Callers, Course};
pub use command::{Command, Output, echo_commands};
pub use desk::Desk;
pub use dice::Dice;
pub use engine::Engine;
pub use files::FileList;
pub use folder_host::{FolderHost, MEMORY, Still};
pub use holdings::{Dump, Holdings};
pub use host::{Host, Mount};
pub use hostile::{Capacity, HostileStick, Make, Mischief, Reads};
pub use landed::{API, Landed, Tenant};
pub use miniature::Miniature;
pub use programs::Programs;
pub use publisher::{Image, Publisher, Release};
pub use refusal::Verdict;
pub use report::{Report, tell};
pub use shelf::{AT as SHELF, Shelf};
pub use stick::{AT as STICK, Stick, format as format_stick};
pub use tools::{ensure as ensure_tools, ensure_clock as ensure_clock_tools};
