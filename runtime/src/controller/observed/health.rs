//! A tenant's health, from its series of checks. Pure.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether a tenant answers its image's health path.
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
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// So many failed checks in a row make a healthy tenant unhealthy.
const MAX_FAILURES: u32 = 3;

/// One tenant's checks since its container was started.
#[derive(Debug, Clone, Copy)]
pub(in crate::controller) struct HealthHistory {
    pub(in crate::controller) health: Health,
    failures: u32,
}

impl HealthHistory {
    /// A container that was just started.
    pub(in crate::controller) const NEW: Self = Self { health: Health::Starting, failures: 0 };

    /// The history after one more check, `running` after the container's start.
    pub(in crate::controller) fn after(self, answered: bool, running: Duration) -> Self {
        if answered {
            return Self { health: Health::Healthy, failures: 0 };
        }
        let failures = self.failures.saturating_add(1);
        let unhealthy = match self.health {
            Health::Starting => running >= START_TIMEOUT,
            Health::Healthy => failures >= MAX_FAILURES,
            Health::Unhealthy => true,
        };
        Self { health: if unhealthy { Health::Unhealthy } else { self.health }, failures }
    }

    /// How long to wait before the next check: short while clients may be waiting.
    pub(in crate::controller) fn pause(self) -> Duration {
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

    fn health_after(answers: &[(bool, u64)]) -> Health {
        let after =
            |history: HealthHistory, (answered, at): &(bool, u64)| history.after(*answered, Duration::from_secs(*at));
        answers.iter().fold(HealthHistory::NEW, after).health
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
            assert_eq!(health_after(answers), health, "{answers:?}");
        }
    }
}
