//! Packages of the host's own package manager, which bring it the engine that it lacks.
//!
//! `choose` decides which of a release's packages the host needs, and is pure; `dpkg` runs the package manager; `record` is what the
//! host remembers of what was installed in this way, so that it can be taken away again.

mod choose;
mod dpkg;
mod error;
mod record;
mod socket;

pub(crate) use choose::{Choice, Needed, NotOffered, choose};
pub(crate) use dpkg::Dpkg;
pub(crate) use error::DpkgError;
pub(crate) use record::{AddedPackage, note, read, strike};
pub(crate) use socket::remove_dead_socket;
