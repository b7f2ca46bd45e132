use landfall_host::routes::{self, Network};
use std::collections::BTreeSet;
use std::io;

/// Where the host's own networks are looked up.
pub trait HostRoutes: Send + Sync {
    /// The networks that the host routes or has addresses in, as far as they overlap `range`. Those of tenants are among them.
    ///
    /// # Errors
    /// They cannot be read.
    fn networks(&self, range: Network) -> io::Result<BTreeSet<Network>>;
}

/// The routes of the kernel that this process runs on.
#[derive(Debug, Clone, Copy)]
pub struct KernelRoutes;

impl HostRoutes for KernelRoutes {
    fn networks(&self, range: Network) -> io::Result<BTreeSet<Network>> {
        routes::of_kernel(range)
    }
}
