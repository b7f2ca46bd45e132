//! The installed service as the installer sees it: its unit files, and whether it is healthy.

pub(crate) mod health;
pub(crate) mod units;
