//! What the installer and the runtime both know of a host: where its files lie, how they are written, locked and read, and how
//! its programs are run.
//!
//! Everything here acts on one host's file system and processes. Nothing here talks to systemd or to a container engine.

pub mod durable;
pub mod interfaces;
mod invocation;
pub mod layout;
pub mod lock;
pub mod mark;
pub mod port_holder;
pub mod record;
pub mod regular;
mod relative_path;
pub mod release;
pub mod routes;
pub mod runtime_program;
pub mod settings;
pub mod subprocess;

pub use invocation::Invocation;
pub use layout::Layout;
pub use relative_path::{RelativePath, RelativePathError};
