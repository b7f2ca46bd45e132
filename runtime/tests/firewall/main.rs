//! The firewall on real network namespaces, which only root can make.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod firewalled_host;
mod needs_root;
