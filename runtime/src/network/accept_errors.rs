//! What a listener does when it cannot accept a connection.

use crate::service::log;
use crate::service::log_rate_limit::LogRateLimit;
use rustix::io::Errno;
use std::io;
use std::time::{Duration, Instant};

/// So as not to spin: a connection that is not accepted stays in the kernel's queue.
const PAUSE: Duration = Duration::from_millis(100);
/// Of all listeners, since they lack the same.
static LOGGED: LogRateLimit = LogRateLimit::new();

/// Logs why a connection was not accepted, and waits a moment.
pub(crate) async fn pause(error: &io::Error) {
    report(error, &LOGGED);
    tokio::time::sleep(PAUSE).await;
}

/// What to do about it, where descriptors are what lacks.
pub(crate) fn shortage(error: &io::Error) -> Option<&'static str> {
    match Errno::from_io_error(error)? {
        Errno::MFILE => {
            Some("raise LimitNOFILE= of landfall.service (systemctl edit landfall.service), and restart it")
        }
        Errno::NFILE => {
            Some("raise the host's fs.file-max (sysctl), or find the program that holds so many files open")
        }
        _ => None,
    }
}

fn report(error: &io::Error, logged: &LogRateLimit) {
    let Some(suppressed) = logged.admit(Instant::now()) else { return };
    if let Some(hint) = shortage(error) {
        log::warning!("accept_failed", error = error, hint = hint, suppressed = suppressed);
    } else {
        log::warning!("accept_failed", error = error, suppressed = suppressed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::log::tests::entries;

    #[test]
    fn a_want_of_descriptors_is_logged_with_what_helps_and_not_each_time() {
        let (logged, error) = (LogRateLimit::new(), io::Error::from(Errno::MFILE));
        // The test's journal has room for a few.
        for _ in 0..55 {
            logged.admit(Instant::now());
        }
        let entries = entries(|| (0..1000).for_each(|_| report(&error, &logged)));
        assert!((1..100).contains(&entries.len()), "{}", entries.len());
        assert!(
            entries.iter().all(|entry| entry["EVENT"] == "accept_failed" && entry["HINT"].contains("LimitNOFILE="))
        );
        assert_eq!(shortage(&io::Error::from(Errno::CONNABORTED)), None);
    }
}
