//! When a request is made again: after pauses that double, of random length, so that many clients do not come back at one time.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::time::Duration;

/// Requests in all, of which each fails in a way that may pass.
const ATTEMPTS: u32 = 6;
/// The longest pause after the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause that a server may ask for: whoever asks for more is told about at once.
const LONGEST: Duration = Duration::from_mins(2);

/// How long to wait after so many failures in a row, if another attempt is due at all. `asked` is what the server wants,
/// `random` any number.
pub(super) fn pause(failures: u32, asked: Option<Duration>, random: u32) -> Option<Duration> {
    if failures >= ATTEMPTS || asked.is_some_and(|asked| asked > LONGEST) {
        return None;
    }
    let longest = FIRST * 2_u32.saturating_pow(failures.saturating_sub(1));
    let share = f64::from(random) / f64::from(u32::MAX);
    let own = longest.mul_f64(f64::midpoint(1.0, share));
    // Later than it was asked for is polite, earlier is not.
    Some(asked.map_or(own, |asked| asked + own.min(FIRST)))
}

/// The value of a `Retry-After` header (RFC 9110, section 10.2.3): seconds, or a date.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(date.duration_since(now).try_into().unwrap_or_default())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_differ_and_end() {
        let bounds = |failures| (pause(failures, None, 0).unwrap(), pause(failures, None, u32::MAX).unwrap());
        for (failures, longest) in [(1, 500), (2, 1000), (3, 2000), (5, 8000)] {
            assert_eq!(bounds(failures), (Duration::from_millis(longest / 2), Duration::from_millis(longest)));
        }
        assert_eq!(pause(6, None, 0), None);
    }

    #[test]
    fn no_request_is_made_before_the_server_wants_it() {
        for seconds in [0, 7, 120] {
            let asked = Duration::from_secs(seconds);
            let paused = pause(4, Some(asked), u32::MAX).unwrap();
            assert!(paused >= asked && paused <= asked + FIRST, "{seconds}: {paused:?}");
        }
        assert_eq!(pause(1, Some(Duration::from_secs(121)), 0), None);
        assert_eq!(pause(6, Some(Duration::ZERO), 0), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:28:00Z".parse().unwrap();
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Wed, 21 Oct 2015 07:29:30 GMT", Some(90)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }
}
