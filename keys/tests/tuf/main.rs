//! Chains of roots, checked with the scenarios of TUF's conformance suite
//! (<https://github.com/theupdateframework/tuf-conformance>) that apply to them. The tests are named after theirs.
//!
//! What does not apply, or is decided differently:
//!
//! | theirs | here |
//! | --- | --- |
//! | `test_unsigned_initial_root` | the first root is pinned by hand or by digest; signatures by its own keys would prove nothing |
//! | `test_root_expired`, `test_expired_local_root` | roots do not expire: a host without a network may have no clock to trust |
//! | `test_custom_fields` | unknown fields are refused: an older installer must not accept a root that it understands only in part |
//! | `test_invalid_sig_in_valid_metadata` | a false signature in the name of a trusted key is refused, also where others suffice: it should be seen |
//! | `test_keytype_and_scheme` | Ed25519 alone |
//! | timestamp, snapshot, targets, delegations | there are none: a release manifest is one signed file with a serial |
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cast;
mod properties;
mod rotation;
mod scenarios;
