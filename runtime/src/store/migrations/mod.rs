//! Schemas: the steps from one to the next, and every way to bring a database to another one.
//!
//! Another schema is reached on a copy that takes the database's place in one rename. Whoever opens the database, whatever was killed
//! before, finds the old or the new one whole.
//!
//! | module | what it does | what it leaves |
//! | --- | --- | --- |
//! | [`steps`] | runs steps on a copy and checks the result | |
//! | [`migrate`] | goes forward or back | the old database as a snapshot |
//! | [`restore`] | goes back to a snapshot | the newer database, set aside |
//! | [`reclaim`] | takes a restore back | the older database as a snapshot |
//! | [`rehearse`] | goes forward and back on a copy, beside the running service, and compares the [`contents`] | nothing |

pub(super) mod contents;
pub(super) mod migrate;
pub(super) mod reclaim;
pub(super) mod rehearse;
pub(super) mod restore;
mod steps;

use std::borrow::Cow;

/// A step from one schema to the next. It runs inside a transaction; foreign keys are checked after the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The statements that lead forward.
    pub up: &'static str,
    /// The statements that lead back without losing what the older schema can hold; `None` where that is impossible.
    pub down: Option<&'static str>,
}

/// All steps from an empty database to the latest schema, in order: the first leads to schema 1. A value, so that a program built for
/// a test can append its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations(Cow<'static, [Migration]>);

/// The schema that this program writes.
pub const LATEST: u32 = Migrations::OWN.latest();

/// One step, in one of its two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MigrationStep {
    /// The statements to run.
    pub(super) sql: &'static str,
    /// The schema that they lead to.
    pub(super) to: u32,
}

/// Why no steps lead from one schema to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPath {
    /// These steps do not know that schema.
    Unknown(u32),
    /// The step to this schema cannot be reversed.
    Irreversible(u32),
}

impl Migrations {
    /// The steps of this program: `migrations/NNN_name.up.sql`, and `NNN_name.down.sql` where the step can be reversed.
    pub const OWN: Self = Self(Cow::Borrowed(&[Migration { up: include_str!("001_tenants.up.sql"), down: None }]));

    /// These steps and one more.
    #[must_use]
    pub fn and(self, step: Migration) -> Self {
        let mut steps = self.0.into_owned();
        steps.push(step);
        Self(steps.into())
    }

    const fn all(&self) -> &[Migration] {
        match &self.0 {
            Cow::Borrowed(steps) => steps,
            Cow::Owned(steps) => steps.as_slice(),
        }
    }

    /// The schema that the last step leads to.
    #[expect(clippy::cast_possible_truncation, reason = "there are few steps")]
    pub const fn latest(&self) -> u32 {
        self.all().len() as u32
    }

    /// The oldest schema that a database of the latest one can be brought back to; at least 1.
    pub fn reversible_to(&self) -> u32 {
        // Without the first step: nothing goes back to an empty database.
        let reversible = self.all().iter().skip(1).rev().take_while(|step| step.down.is_some()).count();
        self.latest().saturating_sub(u32::try_from(reversible).unwrap_or_default())
    }

    /// The steps that lead from one schema to another, in the order in which they are run.
    pub(super) fn path(&self, from: u32, to: u32) -> Result<Vec<MigrationStep>, NoPath> {
        if let Some(unknown) = [from, to].into_iter().find(|schema| *schema > self.latest()) {
            return Err(NoPath::Unknown(unknown));
        }
        let step_to = |schema: u32| self.all()[schema as usize - 1];
        if from <= to {
            return Ok((from + 1..=to).map(|to| MigrationStep { sql: step_to(to).up, to }).collect());
        }
        let back_from = |schema| {
            let down = step_to(schema).down.ok_or(NoPath::Irreversible(schema))?;
            Ok(MigrationStep { sql: down, to: schema - 1 })
        };
        (to + 1..=from).rev().map(back_from).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const UP_ONLY: Migration = Migration { up: "up", down: None };
    const BOTH: Migration = Migration { up: "up", down: Some("down") };

    #[test]
    fn a_path_has_each_step_once_and_ends_at_its_schema() {
        let steps = Migrations::OWN.and(BOTH).and(BOTH).and(UP_ONLY).and(BOTH);
        let ends = |from, to| steps.path(from, to).map(|path| path.iter().map(|step| step.to).collect::<Vec<_>>());
        for (from, to, path) in [
            (0, 5, Ok(vec![1, 2, 3, 4, 5])),
            (1, 3, Ok(vec![2, 3])),
            (3, 1, Ok(vec![2, 1])),
            (2, 2, Ok(vec![])),
            (5, 4, Ok(vec![4])),
            (5, 2, Err(NoPath::Irreversible(4))),
            (1, 0, Err(NoPath::Irreversible(1))),
            (1, 6, Err(NoPath::Unknown(6))),
            (7, 1, Err(NoPath::Unknown(7))),
        ] {
            assert_eq!(ends(from, to), path, "{from} to {to}");
        }
        assert_eq!(steps.path(3, 2).unwrap(), [MigrationStep { sql: "down", to: 2 }]);
    }

    #[test]
    fn a_database_can_be_brought_back_to_the_last_irreversible_step() {
        for (steps, reversible_to) in [
            (Migrations::OWN, 1),
            (Migrations::OWN.and(BOTH).and(BOTH), 1),
            (Migrations::OWN.and(UP_ONLY), 2),
            (Migrations::OWN.and(UP_ONLY).and(BOTH), 2),
        ] {
            assert_eq!(steps.reversible_to(), reversible_to, "{steps:?}");
        }
    }

    #[test]
    fn database_toml_declares_what_the_migrations_do() {
        let declared: toml::Table = toml::from_str(include_str!("../../../database.toml")).unwrap();
        let number = |key: &str| u32::try_from(declared[key].as_integer().unwrap()).unwrap();
        assert_eq!((number("schema"), number("reversible_to")), (LATEST, Migrations::OWN.reversible_to()));
        assert_eq!(declared.len(), 2);
    }
}
