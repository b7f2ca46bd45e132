//! What a release's runtime does with a host's database, as it is written in TOML.

use landfall_manifests::Database;
use serde::Deserialize;

/// What is packed unless the definition's own program brings another: the runtime's own declaration.
const DEFAULT: &str = include_str!("../../../runtime/database.toml");

/// `[runtime.database]` of a definition, and the whole of `runtime/database.toml`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DatabaseTable {
    /// The number of the schema that the program writes.
    schema: u32,
    /// The lowest schema that the program brings a database back to without loss.
    reversible_to: u32,
}

impl From<DatabaseTable> for Database {
    fn from(table: DatabaseTable) -> Self {
        Self { schema: table.schema, reversible_to: table.reversible_to }
    }
}

/// The database of the runtime that was built together with this program.
pub(crate) fn database_of_this_build() -> Database {
    #[expect(clippy::expect_used, reason = "the text is part of this program, and a test parses it")]
    toml::from_str::<DatabaseTable>(DEFAULT).expect("runtime/database.toml is a declaration").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_one_that_a_release_may_have() {
        assert!(database_of_this_build().is_consistent());
    }
}
