//! What a row of health checks says about a tenant. Pure.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether a tenant does what its image promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It has not answered yet.
    Starting,
    /// It answers 200.
    Healthy,
    /// It does not run, or does not answer any more, or took too long to begin.
    Unhealthy,
}

/// How long a tenant may take to answer for the first time.
const START: Duration = Duration::from_mins(1);
/// So many misses in a row are no accident.
const MISSES: u32 = 3;

/// One tenant's checks since its container was started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    pub(super) health: Health,
    misses: u32,
}

impl Course {
    /// A container that was just started.
    pub(super) const NEW: Self = Self { health: Health::Starting, misses: 0 };

    /// After a check that was answered or not, `running` after the container's start.
    pub(super) fn after(self, answered: bool, running: Duration) -> Self {
        if answered {
            return Self { health: Health::Healthy, misses: 0 };
        }
        let misses = self.misses.saturating_add(1);
        let lost = match self.health {
            Health::Starting => running >= START,
            Health::Healthy => misses >= MISSES,
            Health::Unhealthy => true,
        };
        Self { health: if lost { Health::Unhealthy } else { self.health }, misses }
    }

    /// How long to wait before the next check: short while clients may be waiting.
    pub(super) fn pause(self) -> Duration {
        match self.health {
            Health::Starting => Duration::from_millis(50),
            Health::Healthy => Duration::from_secs(5),
            Health::Unhealthy => Duration::from_secs(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(answers: &[(bool, u64)]) -> Health {
        let after = |course: Course, (answered, at): &(bool, u64)| course.after(*answered, Duration::from_secs(*at));
        answers.iter().fold(Course::NEW, after).health
    }

    #[test]
    fn health_follows_the_checks() {
        for (answers, health) in [
            (&[][..], Health::Starting),
            (&[(false, 1), (false, 59)], Health::Starting),
            (&[(false, 1), (false, 60)], Health::Unhealthy),
            (&[(false, 60), (true, 61)], Health::Healthy),
            (&[(true, 1)], Health::Healthy),
            (&[(true, 1), (false, 2), (false, 3)], Health::Healthy),
            (&[(true, 1), (false, 2), (true, 3), (false, 4), (false, 5)], Health::Healthy),
            (&[(true, 1), (false, 2), (false, 3), (false, 4)], Health::Unhealthy),
            (&[(true, 1), (false, 2), (false, 3), (false, 4), (true, 5)], Health::Healthy),
        ] {
            assert_eq!(course(answers), health, "{answers:?}");
        }
    }
}
