//! The firewall on real network namespaces, which only root can make.

mod needs_root;
