//! The harness of Landfall's tests on real hosts: a Docker Engine of its own as the connected machine, an isolated host
//! under it that has systemd, Docker and no network, and a FAT32 stick between the two.
//!
//! Everything lives under `target/testbed` and is put away when the last user is gone, however a test run ends. It needs
//! root and a Debian machine or a descendant's.

mod command;
mod engine;
mod files;
mod host;
pub mod http;
pub mod image;
mod landed;
mod mirror;
pub mod neighbours;
mod programs;
mod publisher;
mod report;
mod stick;
pub mod strace;
mod tools;
pub mod workspace;

pub use command::{Command, Output, echo_commands};
pub use engine::Engine;
pub use files::FileList;
pub use host::{Host, Mount};
pub use landed::{API, Landed, Tenant};
pub use programs::Programs;
pub use publisher::{Image, Publisher, Release};
pub use report::Report;
pub use stick::{AT as STICK, Stick};
pub use tools::ensure as ensure_tools;
