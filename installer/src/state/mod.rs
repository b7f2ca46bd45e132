//! The state folder of a host, `var/lib/landfall/state`: its lock, the journal, and the records of what is installed.
//!
//! | module | holds |
//! | --- | --- |
//! | `folder` | the folder itself: created and removed in one step each, locked while an operation runs |
//! | `journal` | the operation that is under way, written before it changes anything |
//! | `installed` | what is installed |
//! | `installation_id` | the installation's id, which what its tenants have in an engine bears |
//! | `floor` | the serial floor and the product, which outlive an uninstallation |
//! | `start_end` | which starts of the service count against a new release |
//! | `tries` | how often a new release may still fail |

mod error;
mod floor;
mod folder;
mod folder_lock;
mod installation_id;
pub(crate) mod installed;
pub(crate) mod journal;
pub(crate) mod start_end;
pub(crate) mod tries;

pub(crate) use error::StateError;
pub(crate) use floor::{raise_floor, read_floor, read_product, write_product};
pub(crate) use folder::{State, remove_partial};
pub(crate) use installation_id::{
    IdFault, draw_installation_id, find_id_fault, read_installation_id, restore_installation_id, write_installation_id,
};
