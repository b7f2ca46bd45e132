//! What makes one runtime program differ from another.

use crate::store::Migrations;
use std::time::Duration;

/// How long a release is to be healthy in one go before it counts as one that works.
const PROVEN_AFTER: Duration = Duration::from_mins(10);

/// What a program brings along that the command line is run with: the next release's migrations, or less patience in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The schemas that it knows.
    pub migrations: Migrations,
    /// How long its release is to be healthy in one go until [`Layout::proven`](landfall_host::Layout::proven) is written.
    pub proven_after: Duration,
}

impl Default for Program {
    fn default() -> Self {
        Self { migrations: Migrations::OWN, proven_after: PROVEN_AFTER }
    }
}
