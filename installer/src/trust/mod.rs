//! Which keys must have signed a bundle: those given on the command line, and the trust root that this host has pinned.
//!
//! | module | holds |
//! | --- | --- |
//! | `cli_trust` | `--trust` and `--threshold` |
//! | `root_files` | trust roots and their signatures, as files or in a bundle |
//! | `pinned` | the pinned root, `trust.json`: reading, pinning, replacing it |
//! | `check_against_pinned` | whether `--trust` contradicts the pinned root |
//! | `offered_root` | the root that a bundle offers to a host that trusts no key yet |
//! | `first_use_prompt` | the question to a person on a host that trusts no key yet |
//! | `error` | why a root cannot be used |

mod check_against_pinned;
mod cli_trust;
mod error;
mod first_use_prompt;
mod offered_root;
mod pinned;
mod root_files;

pub(crate) use check_against_pinned::check_against_pinned;
pub(crate) use cli_trust::{CliTrust, TrustArgs, read_key};
pub(crate) use error::{FirstUseError, PinError, TrustError};
pub(crate) use first_use_prompt::{prompt_for_key, prompt_for_root};
pub(crate) use offered_root::OfferedRoot;
pub(crate) use pinned::{check_unchanged, pin, pin_if_newer, pinned, remove_partial, successor};
pub(crate) use root_files::{RootFilesError, RootSelection, read as read_root_files};
