//! What a health check found, and for how long a tenant's address has been out of reach. Pure.

use jiff::Timestamp;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// A tenant whose address has been out of reach for so long is made again. The kernel finds a neighbour missing after three seconds.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// What one check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Outcome {
    /// An answer with this HTTP status.
    Answered(u16),
    /// The container answers, and nothing listens at its port.
    Refused,
    /// Nothing answers at its address: the host has no way there, or nobody has the address (EHOSTUNREACH, ENETUNREACH).
    Unreachable,
    /// No answer came in time.
    NoAnswer,
    /// Something answered that is not HTTP, or closed the connection.
    NotHttp,
    /// Its port took a connection, which is all that its image asks for.
    Connected,
    /// Its image's command ended with this exit code.
    Exited(i64),
    /// Its image's command cannot be run in it.
    NotRun,
    /// The engine did not answer the request to run the command.
    NotAsked,
}

impl Outcome {
    /// What it means that a tenant's address cannot be connected to.
    pub(super) fn of_connecting(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::NoAnswer,
            _ => Self::Refused,
        }
    }

    /// Whether the tenant is healthy.
    pub(super) fn is_healthy(self) -> bool {
        matches!(self, Self::Answered(200) | Self::Connected | Self::Exited(0))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "answered {status}"),
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable => f.write_str("address unreachable"),
            Self::NoAnswer => f.write_str("no answer in time"),
            Self::NotHttp => f.write_str("no HTTP answer"),
            Self::Connected => f.write_str("connected"),
            Self::Exited(code) => write!(f, "command ended with {code}"),
            Self::NotRun => f.write_str("command cannot be run"),
            Self::NotAsked => f.write_str("engine does not answer"),
        }
    }
}

/// The last check of a tenant.
#[derive(Debug, Clone, Copy)]
pub(in crate::controller) struct LastCheck {
    /// When it was.
    pub(in crate::controller) at: Timestamp,
    /// What it found.
    pub(in crate::controller) outcome: Outcome,
    /// The first of the last checks that all found the address unreachable.
    unreachable_since: Option<Instant>,
}

impl LastCheck {
    /// The check after `before`.
    pub(in crate::controller) fn after(before: Option<Self>, outcome: Outcome, at: Timestamp, now: Instant) -> Self {
        let since = before.and_then(|before| before.unreachable_since).unwrap_or(now);
        Self { at, outcome, unreachable_since: (outcome == Outcome::Unreachable).then_some(since) }
    }

    /// Whether the address has been out of reach for long.
    pub(in crate::controller) fn is_lost(self, now: Instant) -> bool {
        self.unreachable_since.is_some_and(|since| now.duration_since(since) >= LOST_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_lost_when_it_was_out_of_reach_for_long_without_a_break() {
        let start = Instant::now();
        let check = |before, outcome, seconds| {
            LastCheck::after(before, outcome, Timestamp::UNIX_EPOCH, start + Duration::from_secs(seconds))
        };
        let lost = |check: LastCheck, seconds| check.is_lost(start + Duration::from_secs(seconds));
        let first = check(None, Outcome::Unreachable, 0);
        let later = check(Some(first), Outcome::Unreachable, 20);
        assert!(!lost(later, 29) && lost(later, 30));
        for other in [Outcome::Answered(500), Outcome::Refused, Outcome::NoAnswer, Outcome::NotHttp] {
            let between = check(Some(later), other, 25);
            assert!(!lost(between, 1000), "{other}");
            assert!(!lost(check(Some(between), Outcome::Unreachable, 40), 69), "{other}");
        }
    }

    #[test]
    fn only_an_address_that_nobody_has_is_unreachable() {
        for (number, outcome) in [
            (111, Outcome::Refused),
            (104, Outcome::Refused),
            (113, Outcome::Unreachable),
            (101, Outcome::Unreachable),
            (110, Outcome::NoAnswer),
        ] {
            assert_eq!(Outcome::of_connecting(&io::Error::from_raw_os_error(number)), outcome, "{number}");
        }
    }
}
