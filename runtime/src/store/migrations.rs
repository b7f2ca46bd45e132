//! The steps from one schema to the next, and back: a value, so that a program may bring others.

use std::borrow::Cow;

/// A step from one schema to the next. What runs it sees to transactions, and foreign keys are checked when all steps are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The statements that lead forward.
    pub up: &'static str,
    /// The statements that lead back without losing what the schema before can hold; none where that cannot be done.
    pub down: Option<&'static str>,
}

/// All steps from an empty database to the latest schema, in order: the first leads to schema 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations(Cow<'static, [Migration]>);

/// The schema that this program writes.
pub const LATEST: u32 = Migrations::OWN.latest();

/// One step of a way, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leap {
    pub(super) sql: &'static str,
    /// The schema that it leads to.
    pub(super) to: u32,
}

/// There is no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoWay {
    /// A schema that these steps do not reach.
    Unknown(u32),
    /// The step to this schema has no way back.
    Irreversible(u32),
}

impl Migrations {
    /// Those of this program: `migrations/NNN_name.up.sql`, and `.down.sql` where there is a way back.
    pub const OWN: Self =
        Self(Cow::Borrowed(&[Migration { up: include_str!("migrations/001_tenants.up.sql"), down: None }]));

    /// These steps and one more.
    #[must_use]
    pub fn and(self, step: Migration) -> Self {
        let mut steps = self.0.into_owned();
        steps.push(step);
        Self(steps.into())
    }

    const fn steps(&self) -> &[Migration] {
        match &self.0 {
            Cow::Borrowed(steps) => steps,
            Cow::Owned(steps) => steps.as_slice(),
        }
    }

    /// The schema that the last step leads to.
    #[expect(clippy::cast_possible_truncation, reason = "there are few steps")]
    pub const fn latest(&self) -> u32 {
        self.steps().len() as u32
    }

    /// The lowest schema that a database of the latest one can be brought back to: at least 1.
    pub fn reversible_to(&self) -> u32 {
        let reversible = self.steps().iter().skip(1).rev().take_while(|step| step.down.is_some()).count();
        self.latest().saturating_sub(u32::try_from(reversible).unwrap_or_default())
    }

    /// The steps from one schema to another.
    pub(super) fn way(&self, from: u32, to: u32) -> Result<Vec<Leap>, NoWay> {
        if let Some(unknown) = [from, to].into_iter().find(|schema| *schema > self.latest()) {
            return Err(NoWay::Unknown(unknown));
        }
        let step = |to: u32| self.steps()[to as usize - 1];
        if from <= to {
            return Ok((from + 1..=to).map(|to| Leap { sql: step(to).up, to }).collect());
        }
        let back = |of| step(of).down.map(|sql| Leap { sql, to: of - 1 }).ok_or(NoWay::Irreversible(of));
        (to + 1..=from).rev().map(back).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const UP_ONLY: Migration = Migration { up: "up", down: None };
    const BOTH: Migration = Migration { up: "up", down: Some("down") };

    #[test]
    fn a_way_has_each_step_once_and_ends_where_it_is_to_end() {
        let steps = Migrations::OWN.and(BOTH).and(BOTH).and(UP_ONLY).and(BOTH);
        let ends = |from, to| steps.way(from, to).map(|way| way.iter().map(|leap| leap.to).collect::<Vec<_>>());
        for (from, to, way) in [
            (0, 5, Ok(vec![1, 2, 3, 4, 5])),
            (1, 3, Ok(vec![2, 3])),
            (3, 1, Ok(vec![2, 1])),
            (2, 2, Ok(vec![])),
            (5, 4, Ok(vec![4])),
            (5, 2, Err(NoWay::Irreversible(4))),
            (1, 0, Err(NoWay::Irreversible(1))),
            (1, 6, Err(NoWay::Unknown(6))),
            (7, 1, Err(NoWay::Unknown(7))),
        ] {
            assert_eq!(ends(from, to), way, "{from} to {to}");
        }
        assert_eq!(steps.way(3, 2).unwrap(), [Leap { sql: "down", to: 2 }]);
    }

    #[test]
    fn the_way_back_ends_at_the_last_step_that_has_none() {
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
    fn what_the_bundler_declares_is_what_the_migrations_do() {
        let declared: toml::Table = toml::from_str(include_str!("../../database.toml")).unwrap();
        let number = |key: &str| u32::try_from(declared[key].as_integer().unwrap()).unwrap();
        assert_eq!((number("schema"), number("reversible_to")), (LATEST, Migrations::OWN.reversible_to()));
        assert_eq!(declared.len(), 2);
    }
}
