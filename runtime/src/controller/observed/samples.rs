//! What a tenant uses, formatted for people. Pure.

use crate::engine::{ContainerState, Usage};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The last two samples of what a tenant uses. The engine counts CPU time since the container's start: two samples give the average
/// between them, one the average since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::controller) struct Samples {
    last: Option<(Instant, Usage)>,
    before: Option<(Instant, Usage)>,
}

/// The formatted values. What the engine does not report is `None`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Figures {
    pub(in crate::controller) uptime: Option<u64>,
    pub(in crate::controller) cpu: Option<String>,
    pub(in crate::controller) memory: Option<String>,
}

impl Samples {
    /// These samples and one more.
    pub(in crate::controller) fn then(self, usage: Usage, now: Instant) -> Self {
        Self { last: Some((now, usage)), before: self.last }
    }

    /// Whether the last sample is newer than `limit`.
    pub(in crate::controller) fn is_fresh(&self, now: Instant, limit: Duration) -> bool {
        self.last.is_some_and(|(at, _)| now.duration_since(at) < limit)
    }

    /// The values of a container; zeros where it does not run.
    pub(in crate::controller) fn figures(&self, state: Option<&ContainerState>, now: Timestamp) -> Figures {
        let Some(state) = state.filter(|state| state.running) else {
            return Figures { uptime: Some(0), cpu: Some(percent(0, Duration::ZERO)), memory: Some(megabytes(0)) };
        };
        let up = state.started_at.map(|start| Duration::try_from(now.duration_since(start)).unwrap_or_default());
        Figures {
            uptime: up.map(|up| up.as_secs()),
            cpu: self.cpu(up),
            memory: self.last.map(|(_, usage)| megabytes(usage.memory)),
        }
    }

    fn cpu(&self, up: Option<Duration>) -> Option<String> {
        let (at, usage) = self.last?;
        match self.before {
            // A count that fell is that of another run: the two samples do not belong together.
            Some((earlier, before)) if before.cpu_nanos <= usage.cpu_nanos => {
                Some(percent(usage.cpu_nanos - before.cpu_nanos, at.duration_since(earlier)))
            }
            _ => up.map(|up| percent(usage.cpu_nanos, up)),
        }
    }
}

/// A share of one core, in percent to a tenth.
fn percent(cpu_nanos: u64, time: Duration) -> String {
    let per_mille = u128::from(cpu_nanos) * 1000 / time.as_nanos().max(1);
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

/// Megabytes (10^6 bytes), below ten to a tenth.
pub(in crate::controller) fn megabytes(bytes: u64) -> String {
    match bytes / 100_000 {
        tenths @ 1..100 => format!("{}.{}MB", tenths / 10, tenths % 10),
        tenths => format!("{}MB", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn state(running: bool) -> ContainerState {
        let started_at = Some("2026-11-22T00:00:00Z".parse().unwrap());
        ContainerState {
            running,
            paused: false,
            started_at,
            exit_code: None,
            networks: Vec::new(),
            log: None,
            labels: [].into(),
        }
    }

    fn shown(samples: Samples, state: Option<&ContainerState>) -> (Option<u64>, Option<String>, Option<String>) {
        let figures = samples.figures(state, "2026-11-22T00:00:10Z".parse().unwrap());
        (figures.uptime, figures.cpu, figures.memory)
    }

    #[test]
    fn figures_are_averages_between_samples_or_since_the_start() {
        let (running, ended) = (state(true), state(false));
        let text = |text: &str| Some(text.to_owned());
        let start = Instant::now();
        let usage = |cpu_nanos| Usage { cpu_nanos, memory: 128_400_000, written: 0 };
        let one = Samples::default().then(usage(1_250_000_000), start);
        assert_eq!(shown(one, Some(&running)), (Some(10), text("12.5%"), text("128MB")));
        let two = one.then(usage(2_250_000_000), start + Duration::from_secs(2));
        assert_eq!(shown(two, Some(&running)), (Some(10), text("50.0%"), text("128MB")));
        // The container was created again in between.
        let again = one.then(usage(250_000_000), start + Duration::from_secs(2));
        assert_eq!(shown(again, Some(&running)), (Some(10), text("2.5%"), text("128MB")));
        assert_eq!(shown(Samples::default(), Some(&running)), (Some(10), None, None));
        for absent in [Some(&ended), None] {
            assert_eq!(shown(one, absent), (Some(0), text("0.0%"), text("0MB")));
        }
    }

    #[test]
    fn a_sample_is_fresh_for_its_limit() {
        let start = Instant::now();
        let limit = Duration::from_secs(5);
        let samples = Samples::default().then(Usage { cpu_nanos: 0, memory: 0, written: 0 }, start);
        assert!(samples.is_fresh(start, limit));
        assert!(!samples.is_fresh(start + limit, limit));
        assert!(!Samples::default().is_fresh(start, limit));
    }

    #[test]
    fn small_amounts_have_a_tenth() {
        for (bytes, text) in
            [(0, "0MB"), (99_999, "0MB"), (650_000, "0.6MB"), (9_990_000, "9.9MB"), (10_000_000, "10MB")]
        {
            assert_eq!(megabytes(bytes), text);
        }
    }
}
