//! What is decided when a runtime program is built.

use crate::store::Migrations;
use std::time::Duration;

/// How long a release must be healthy without interruption before it is marked as good.
const MARK_GOOD_AFTER: Duration = Duration::from_mins(10);

/// What a program is built with. The released program uses the default; tests build a next release, with one more migration, or one
/// with shorter times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildConfig {
    /// The database schemas that the program knows.
    pub migrations: Migrations,
    /// How long its release must be healthy without interruption before [`Layout::proven`](landfall_host::Layout::proven) is written.
    pub mark_good_after: Duration,
}

impl Default for BuildConfig {
    fn default() -> Self {
        Self { migrations: Migrations::OWN, mark_good_after: MARK_GOOD_AFTER }
    }
}
