//! From what the operator asked for to a transition that is decided and not begun. Nothing here changes the host.
//!
//! | module | answers |
//! | --- | --- |
//! | `verified_bundle` | whose bundle it is: its manifest, verified by the keys that count |
//! | `effective_settings` | which settings the host will have |
//! | `base` | whether the host has what a delta bundle leaves out |
//! | `host_facts` | what the host is like, as far as the plan depends on it |
//! | `host_packages` | whether a host without an engine can have that of the bundle |
//! | `used_networks` | which networks the host and its engine use for something else than tenants |
//! | `package_changes` | how packages change with an update |
//! | `transition_plan` | what an installation or an update will do |
//! | `rollback_plan` | what going back to a release on this host will do |

mod base;
pub(crate) mod effective_settings;
mod error;
mod host_facts;
pub(crate) mod host_packages;
pub(crate) mod package_changes;
pub(crate) mod rollback_plan;
pub(crate) mod transition_plan;
mod used_networks;
pub(crate) mod verified_bundle;

pub(crate) use error::PlanError;
