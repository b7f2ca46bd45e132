//! When to measure what tenants hold, and when the host's reserve is in danger. Pure.
//!
//! To ask for the free space costs nothing, to measure costs a call for each file. So the free space is looked at several times a second, and
//! tenants are measured when it has fallen, and otherwise rarely.

use super::excess::AllTaken;
use landfall_host::settings::DiskLimits;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time in which a tenant that grows is found, on a busy host.
const REACTION: Duration = Duration::from_secs(3);
/// How far back the samples of the free space go, of which the fastest fall counts.
const WINDOW: Duration = Duration::from_secs(1);
/// A smaller fall is the noise of logs and databases: it is no reason to measure at once.
const NOISE: u64 = 1 << 20;
/// How long a measurement lasts while it is urgent and little falls.
const URGENT_CALM: Duration = Duration::from_secs(10);
/// How long measurements last while nothing falls, while a tenant is stopped, and at most how often they are made, in terms of how long
/// one takes.
const CALM: Duration = Duration::from_mins(5);
const STOPPED: Duration = Duration::from_secs(5);
const SHARE: u32 = 10;
/// How old a measurement is before one is made for a new tenant, so that those that are spawned one after the other are measured together.
const TOGETHER: Duration = Duration::from_secs(1);
/// How much free space may fall before tenants are measured: a share of a tenant's limit.
const STEPS: u64 = 8;

/// What was measured last.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) at: Instant,
    /// How long it took.
    pub(super) took: Duration,
    /// The free space before it, from which what is written while it goes on is seen.
    pub(super) free_before: u64,
    /// The free space after it, for which what tenants hold accounts.
    pub(super) free: u64,
    pub(super) taken: AllTaken,
}

/// The free space over the last second.
#[derive(Debug, Default)]
pub(super) struct Trend(VecDeque<(Instant, u64)>);

impl Trend {
    /// Adds a sample.
    pub(super) fn add(&mut self, now: Instant, free: u64) {
        self.0.push_back((now, free));
        while self.0.len() > 2 && self.0.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.0.pop_front();
        }
    }

    /// The bytes by which the free space falls in the time of a reaction.
    fn fall_until_reaction(&self) -> u64 {
        let Some((now, free)) = self.0.back() else { return 0 };
        let fall = |(at, before): &(Instant, u64)| {
            let time = now.duration_since(*at).max(Duration::from_millis(1)).as_millis();
            let fallen = u128::from(before.saturating_sub(*free));
            u64::try_from(fallen * REACTION.as_millis() / time).unwrap_or(u64::MAX)
        };
        self.0.iter().rev().skip(1).map(fall).max().unwrap_or(0)
    }

    /// Whether the reserve is used up already, or will be if the next second is like the last, where so much is free `now`. Not by the
    /// fastest fall: a short burst does not go on, and whoever makes one may leave the reserve alone.
    pub(super) fn is_reserve_in_danger(&self, now: Instant, free: u64, limits: DiskLimits) -> bool {
        let fall = |(at, before): &(Instant, u64)| {
            // A slow measurement leaves a gap between samples: then it is the average of a longer time.
            let time = now.duration_since(*at).max(WINDOW).as_millis();
            let fallen = u128::from(before.saturating_sub(free));
            u64::try_from(fallen * WINDOW.as_millis() / time).unwrap_or(u64::MAX)
        };
        free < limits.reserve.saturating_add(self.0.iter().map(fall).max().unwrap_or(0))
    }

    /// Whether somebody may have to be stopped soon, so that who it is should be known by then.
    pub(super) fn is_urgent(&self, limits: DiskLimits) -> bool {
        let free = self.0.back().map_or(u64::MAX, |(_, free)| *free);
        free < limits.reserve.saturating_add(self.fall_until_reaction())
    }

    /// Whether to measure now, where tenants are stopped for the disk, or were never measured.
    pub(super) fn wants_measurement(
        &self,
        last: Option<&Measured>,
        limits: DiskLimits,
        is_any_stopped: bool,
        is_any_new: bool,
    ) -> bool {
        let (Some((now, free)), Some(last)) = (self.0.back(), last) else { return true };
        let age = now.duration_since(last.at);
        let fall = last.free_before.saturating_sub(*free);
        if self.is_urgent(limits) {
            return age >= last.took && (is_any_new || fall >= NOISE || age >= URGENT_CALM);
        }
        let due = fall >= limits.tenant / STEPS
            || age >= CALM
            || (is_any_stopped && age >= STOPPED)
            || (is_any_new && age >= TOGETHER);
        due && age >= last.took * SHARE
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const GIB: u64 = 1 << 30;
    const LIMITS: DiskLimits = DiskLimits { tenant: 8 * GIB, reserve: GIB };

    fn trend(samples: &[(u64, u64)]) -> (Trend, Instant) {
        let start = Instant::now();
        let mut trend = Trend::default();
        for (at, free) in samples {
            trend.add(start + Duration::from_millis(*at), *free);
        }
        (trend, start)
    }

    fn measured(at: Instant, free: u64) -> Measured {
        Measured { at, took: Duration::from_millis(10), free_before: free, free, taken: AllTaken::default() }
    }

    #[test]
    fn it_is_urgent_where_the_reserve_would_be_used_up_before_anybody_is_found() {
        for (samples, urgent) in [
            (&[(0, 10 * GIB)][..], false),
            (&[(0, GIB)], false),
            (&[(0, GIB - 1)], true),
            (&[(0, 10 * GIB), (250, 10 * GIB)], false),
            // A gigabyte a second.
            (&[(0, 10 * GIB), (250, 10 * GIB - GIB / 4)], false),
            (&[(0, 4 * GIB), (250, 4 * GIB - GIB / 4)], true),
            (&[(0, 4 * GIB), (250, 4 * GIB - GIB / 4), (500, 4 * GIB - GIB / 4)], false),
            // It was freed meanwhile, or is long past.
            (&[(0, 4 * GIB), (250, 4 * GIB - GIB / 4), (500, 5 * GIB)], false),
            (&[(0, 4 * GIB), (250, 3 * GIB), (500, 3 * GIB), (1600, 3 * GIB), (1850, 3 * GIB)], false),
            // Twenty megabytes a second.
            (&[(0, GIB + (100 << 20)), (250, GIB + (95 << 20))], false),
            (&[(0, GIB + (50 << 20)), (250, GIB + (45 << 20))], true),
        ] {
            assert_eq!(trend(samples).0.is_urgent(LIMITS), urgent, "{samples:?}");
        }
    }

    #[test]
    fn the_reserve_is_in_danger_where_the_next_second_would_use_it_up() {
        const MIB: u64 = 1 << 20;
        for (samples, in_danger) in [
            (&[(0, GIB)][..], false),
            (&[(0, GIB - 1)], true),
            // A burst of 128 MiB.
            (&[(0, 2 * GIB), (250, 2 * GIB - 128 * MIB)], false),
            (&[(0, GIB + 300 * MIB), (250, GIB + 172 * MIB), (500, GIB + 172 * MIB)], false),
            (&[(0, GIB + 200 * MIB), (250, GIB + 72 * MIB)], true),
            // A gigabyte a second.
            (&[(0, 3 * GIB), (500, 3 * GIB - GIB / 2), (1000, 2 * GIB)], false),
            (&[(0, 3 * GIB), (500, 3 * GIB - GIB / 2), (1000, 2 * GIB - 1)], true),
            // Over four seconds, as long as tenants were measured.
            (&[(0, 3 * GIB), (4000, GIB + 512 * MIB)], false),
            (&[(0, 3 * GIB), (4000, GIB + 256 * MIB)], true),
        ] {
            let (now, before) = samples.split_last().unwrap();
            let (trend, start) = trend(before);
            let now = (start + Duration::from_millis(now.0), now.1);
            assert_eq!(trend.is_reserve_in_danger(now.0, now.1, LIMITS), in_danger, "{samples:?}");
        }
    }

    #[test]
    fn tenants_are_measured_when_the_free_space_falls_and_otherwise_rarely() {
        // Free before, how old the measurement is in seconds, whether a tenant is stopped.
        for (free, before, age, stopped, wanted) in [
            (50 * GIB, 50 * GIB, 1, false, false),
            (50 * GIB, 50 * GIB, 4, true, false),
            (50 * GIB, 50 * GIB, 5, true, true),
            (50 * GIB, 50 * GIB, 299, false, false),
            (50 * GIB, 50 * GIB, 300, false, true),
            (50 * GIB, 51 * GIB - 1, 1, false, false),
            (50 * GIB, 51 * GIB, 1, false, true),
            // Urgent.
            (GIB / 2, GIB / 2, 1, false, false),
            (GIB / 2, GIB / 2 + NOISE, 1, false, true),
            (GIB / 2, GIB / 2, 10, false, true),
        ] {
            let (trend, start) = trend(&[(600_000, free)]);
            let last = measured(start + Duration::from_secs(600 - age), before);
            assert_eq!(
                trend.wants_measurement(Some(&last), LIMITS, stopped, false),
                wanted,
                "{free} {before} {age} {stopped}"
            );
        }
        assert!(trend(&[(0, 50 * GIB)]).0.wants_measurement(None, LIMITS, false, false), "nothing is known");
    }

    #[test]
    fn tenants_that_are_spawned_together_are_measured_together_unless_it_is_urgent() {
        for (free, age, wanted) in [(50 * GIB, 999, false), (50 * GIB, 1000, true), (GIB / 2, 10, true)] {
            let (trend, start) = trend(&[(600_000, free)]);
            let last = measured(start + Duration::from_millis(600_000 - age), free);
            assert_eq!(trend.wants_measurement(Some(&last), LIMITS, false, true), wanted, "{free} {age}");
        }
        let (trend, start) = trend(&[(600_000, 50 * GIB)]);
        let at = |seconds: u64| start + Duration::from_secs(600 - seconds);
        let slow = |seconds| Measured { took: Duration::from_secs(3), ..measured(at(seconds), 50 * GIB) };
        assert!(!trend.wants_measurement(Some(&slow(29)), LIMITS, false, true));
        assert!(trend.wants_measurement(Some(&slow(30)), LIMITS, false, true));
    }

    #[test]
    fn what_is_written_while_tenants_are_measured_is_a_reason_to_measure_again() {
        let (trend, start) = trend(&[(600_000, 50 * GIB)]);
        let last = Measured { free_before: 51 * GIB, ..measured(start + Duration::from_secs(599), 50 * GIB) };
        assert!(trend.wants_measurement(Some(&last), LIMITS, false, false));
    }

    #[test]
    fn slow_measurements_are_made_less_often() {
        let (trend, start) = trend(&[(600_000, 50 * GIB)]);
        let at = |seconds: u64| start + Duration::from_secs(600 - seconds);
        let slow = |seconds| Measured { took: Duration::from_secs(3), ..measured(at(seconds), 60 * GIB) };
        assert!(!trend.wants_measurement(Some(&slow(29)), LIMITS, false, false));
        assert!(trend.wants_measurement(Some(&slow(30)), LIMITS, false, false));
    }
}
