//! The one migration that this release has and ours has not.

use landfall::store::{Migration, Migrations};
use landfall_tests::fault::Fault;

/// Adds a table and a column (`landfall_tests::next` names both).
const UP: &str =
    "CREATE TABLE marks (id INTEGER PRIMARY KEY, envId INTEGER NOT NULL REFERENCES environments (id)) STRICT;
                  ALTER TABLE environments ADD COLUMN mark TEXT NOT NULL DEFAULT 'none';";
const DOWN: &str = "ALTER TABLE environments DROP COLUMN mark; DROP TABLE marks;";

/// The same, and then a table that is not there.
const UP_AND_FAIL: &str = "CREATE TABLE marks (id INTEGER PRIMARY KEY) STRICT; DELETE FROM nowhere;";

/// Brings the column back, but not what it held.
const UP_AND_LOSE: &str = "ALTER TABLE environments DROP COLUMN imageTenant;";
const DOWN_AND_LOSE: &str = "ALTER TABLE environments ADD COLUMN imageTenant TEXT NOT NULL DEFAULT '{}';";

/// Our migrations, and the one that `faults` make of the next.
pub(crate) fn with(faults: &[Fault]) -> Migrations {
    let step = match faults {
        faults if faults.contains(&Fault::FailsToMigrate) => Migration { up: UP_AND_FAIL, down: Some(DOWN) },
        faults if faults.contains(&Fault::LosesAColumn) => Migration { up: UP_AND_LOSE, down: Some(DOWN_AND_LOSE) },
        faults if faults.contains(&Fault::CannotGoBack) => Migration { up: UP, down: None },
        _ => Migration { up: UP, down: Some(DOWN) },
    };
    Migrations::OWN.and(step)
}
