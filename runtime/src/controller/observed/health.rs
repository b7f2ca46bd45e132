//! A tenant's health, from its series of checks. Pure.

use super::check::Target;
use landfall_manifests::HealthCheck;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether a tenant passes its image's health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It has not passed yet.
    Starting,
    /// It passes.
    Healthy,
    /// It does not run, or does not pass any more, or took longer than its start period.
    Unhealthy,
}

/// So many failed checks in a row make a healthy tenant unhealthy.
const MAX_FAILURES: u32 = 3;

/// One tenant's checks since its container was started.
#[derive(Debug, Clone, Copy)]
pub(in crate::controller) struct HealthHistory {
    pub(in crate::controller) health: Health,
    failures: u32,
    /// How long it may take to pass for the first time.
    start_period: Duration,
    pauses: Pauses,
}

/// How long to wait before the next check, by health.
#[derive(Debug, Clone, Copy)]
struct Pauses {
    /// After the first check of a container that was just started; twice as long after each further one, up to `starting`.
    first: Duration,
    starting: Duration,
    healthy: Duration,
    unhealthy: Duration,
}

/// Short while clients may be waiting: for whoever spawns a tenant, most programs listen a few milliseconds after their start.
const OF_CONNECTIONS: Pauses = Pauses {
    first: Duration::from_millis(5),
    starting: Duration::from_millis(50),
    healthy: Duration::from_secs(5),
    unhealthy: Duration::from_secs(1),
};
/// A command costs the engine a process.
const OF_COMMANDS: Pauses = Pauses {
    first: Duration::from_millis(500),
    starting: Duration::from_millis(500),
    healthy: Duration::from_secs(10),
    unhealthy: Duration::from_secs(5),
};

impl HealthHistory {
    /// A container that was just started.
    pub(super) fn new(target: &Target) -> Self {
        let pauses = match target.check {
            HealthCheck::Http(_) | HealthCheck::Tcp => OF_CONNECTIONS,
            HealthCheck::Command(_) => OF_COMMANDS,
        };
        Self { health: Health::Starting, failures: 0, start_period: target.start_period, pauses }
    }

    /// The history after one more check, `running` after the container's start.
    pub(in crate::controller) fn after(self, answered: bool, running: Duration) -> Self {
        if answered {
            return Self { health: Health::Healthy, failures: 0, ..self };
        }
        let failures = self.failures.saturating_add(1);
        let unhealthy = match self.health {
            Health::Starting => running >= self.start_period,
            Health::Healthy => failures >= MAX_FAILURES,
            Health::Unhealthy => true,
        };
        Self { health: if unhealthy { Health::Unhealthy } else { self.health }, failures, ..self }
    }

    /// How long to wait before the next check.
    pub(in crate::controller) fn pause(self) -> Duration {
        match self.health {
            Health::Starting => {
                let doublings = self.failures.saturating_sub(1);
                self.pauses.first.saturating_mul(2_u32.saturating_pow(doublings)).min(self.pauses.starting)
            }
            Health::Healthy => self.pauses.healthy,
            Health::Unhealthy => self.pauses.unhealthy,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::identity::EnvId;
    use std::net::{Ipv4Addr, SocketAddrV4};

    fn history(check: HealthCheck, start_period: u64) -> HealthHistory {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        HealthHistory::new(&Target { id: EnvId(1), address, check, start_period: Duration::from_secs(start_period) })
    }

    fn health_after(answers: &[(bool, u64)]) -> Health {
        let after =
            |history: HealthHistory, (answered, at): &(bool, u64)| history.after(*answered, Duration::from_secs(*at));
        answers.iter().fold(history(HealthCheck::Tcp, 90), after).health
    }

    #[test]
    fn health_follows_the_checks() {
        for (answers, health) in [
            (&[][..], Health::Starting),
            (&[(false, 1), (false, 89)], Health::Starting),
            (&[(false, 1), (false, 90)], Health::Unhealthy),
            (&[(false, 90), (true, 91)], Health::Healthy),
            (&[(true, 1)], Health::Healthy),
            (&[(true, 1), (false, 2), (false, 3)], Health::Healthy),
            (&[(true, 1), (false, 2), (true, 3), (false, 4), (false, 5)], Health::Healthy),
            (&[(true, 1), (false, 2), (false, 3), (false, 4)], Health::Unhealthy),
            (&[(true, 1), (false, 2), (false, 3), (false, 4), (true, 5)], Health::Healthy),
        ] {
            assert_eq!(health_after(answers), health, "{answers:?}");
        }
    }

    #[test]
    fn a_tenant_that_was_just_started_is_asked_again_at_once_and_then_less_often() {
        let pauses = |check| {
            let failing = |last: &HealthHistory| Some(last.after(false, Duration::ZERO));
            let histories = std::iter::successors(failing(&history(check, 1)), failing);
            histories.take(6).map(|history| history.pause().as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(pauses(HealthCheck::Tcp), [5, 10, 20, 40, 50, 50]);
        let command = HealthCheck::Command(vec!["true".to_owned()].try_into().unwrap());
        assert_eq!(pauses(command), [500; 6]);
    }

    #[test]
    fn commands_are_run_less_often_than_connections_are_made() {
        let command = HealthCheck::Command(vec!["true".to_owned()].try_into().unwrap());
        assert!(history(command, 1).pause() > history(HealthCheck::Tcp, 1).pause());
    }
}
