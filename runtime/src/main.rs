//! Provisions tenants: isolated containers from local images alone.
fn main() {}
