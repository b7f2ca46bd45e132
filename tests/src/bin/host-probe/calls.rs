//! Clients that ask the same again and again, a connection a question, and their results.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a client waits for an answer.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Those that flood a port together, and how long each waits for a connection.
const FLOODERS: usize = 8;
const FLOOD_PATIENCE: Duration = Duration::from_millis(20);

/// How one question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallOutcome {
    /// A whole answer with status 200.
    Good,
    /// A whole answer with another status.
    OtherStatus,
    /// The connection was not accepted.
    Refused,
    /// The connection was accepted, and ended without a byte.
    Closed,
    /// The answer began, and ended too early.
    Truncated,
}

/// The results of one client.
#[derive(Debug)]
struct CallStats {
    good: u32,
    other_status: u32,
    refused: u32,
    closed: u32,
    truncated: u32,
    slowest: Duration,
    /// The longest time from one good answer to the next.
    gap: Duration,
    last_good: Option<Instant>,
}

impl CallStats {
    const NEW: Self = Self {
        good: 0,
        other_status: 0,
        refused: 0,
        closed: 0,
        truncated: 0,
        slowest: Duration::ZERO,
        gap: Duration::ZERO,
        last_good: None,
    };

    fn note(&mut self, outcome: CallOutcome, asked: Instant, ended: Instant) {
        self.slowest = self.slowest.max(ended - asked);
        match outcome {
            CallOutcome::Good => {
                self.good += 1;
                let gap = self.last_good.map_or(Duration::ZERO, |last| ended - last);
                (self.gap, self.last_good) = (self.gap.max(gap), Some(ended));
            }
            CallOutcome::OtherStatus => self.other_status += 1,
            CallOutcome::Refused => self.refused += 1,
            CallOutcome::Closed => self.closed += 1,
            CallOutcome::Truncated => self.truncated += 1,
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            good: self.good + other.good,
            other_status: self.other_status + other.other_status,
            refused: self.refused + other.refused,
            closed: self.closed + other.closed,
            truncated: self.truncated + other.truncated,
            slowest: self.slowest.max(other.slowest),
            gap: self.gap.max(other.gap),
            last_good: None,
        }
    }
}

/// Lets `callers` ask for `path` at `port` of this host until the file `until` exists, and once more from then on. When each of them
/// has had a good answer, there is a file `<until>.answered`.
pub(crate) fn watch(port: u16, path: &str, callers: usize, until: &Path) -> Value {
    let waiting = AtomicUsize::new(callers);
    let answered = || {
        // The last caller who gets a first answer makes the file.
        if waiting.fetch_sub(1, Ordering::Relaxed) == 1
            && let Err(error) = File::create(until.with_added_extension("answered"))
        {
            eprintln!("cannot say that all are answered: {error}");
        }
    };
    let start = Instant::now();
    let stats: Vec<CallStats> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(|| call(port, path, until, answered))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let all = stats.iter().fold(CallStats::NEW, CallStats::and);
    json!({
        "callers": stats.len(), "good": all.good, "otherStatus": all.other_status, "refused": all.refused,
        "closed": all.closed, "truncated": all.truncated,
        "aSecond": f64::from(all.good) / start.elapsed().as_secs_f64(),
        "slowestMs": all.slowest.as_secs_f64() * 1e3, "longestGapMs": all.gap.as_secs_f64() * 1e3,
    })
}

/// Tries to connect so many times, as fast as possible, and sends nothing; how many connections were accepted.
pub(crate) fn flood(port: u16, connections: usize) -> usize {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    std::thread::scope(|scope| {
        let count = move || {
            (0..connections / FLOODERS).filter(|_| TcpStream::connect_timeout(&address, FLOOD_PATIENCE).is_ok()).count()
        };
        let threads: Vec<_> = (0..FLOODERS).map(|_| scope.spawn(count)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

fn call(port: u16, path: &str, until: &Path, answered: impl Fn()) -> CallStats {
    let mut stats = CallStats::NEW;
    loop {
        // Looked at before the question, so that one whole question follows the end of the change.
        let is_last = until.exists();
        let asked = Instant::now();
        let outcome = ask(port, path);
        stats.note(outcome, asked, Instant::now());
        if outcome == CallOutcome::Good && stats.good == 1 {
            answered();
        }
        if is_last {
            return stats;
        }
        std::thread::sleep(PAUSE);
    }
}

fn ask(port: u16, path: &str) -> CallOutcome {
    let Ok(mut stream) = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), TIMEOUT) else {
        return CallOutcome::Refused;
    };
    let mut answer = Vec::new();
    // Whatever ends the connection: what arrived until then decides.
    let _ = exchange(&mut stream, path, &mut answer);
    classify(&answer)
}

fn exchange(stream: &mut TcpStream, path: &str, answer: &mut Vec<u8>) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    stream.read_to_end(answer).map(drop)
}

/// An answer is whole when all bytes are there that its `Content-Length` promises (RFC 9112, section 6.3).
fn classify(answer: &[u8]) -> CallOutcome {
    if answer.is_empty() {
        return CallOutcome::Closed;
    }
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return CallOutcome::Truncated };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    match (length, head.split(' ').nth(1)) {
        (Some(length), _) if body.len() != length => CallOutcome::Truncated,
        (Some(_), Some("200")) => CallOutcome::Good,
        (Some(_), _) => CallOutcome::OtherStatus,
        // Without a length, an answer that was cut off could not be told from a whole one.
        (None, _) => CallOutcome::Truncated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_or_truncated() {
        for (answer, outcome) in [
            ("", CallOutcome::Closed),
            ("HTTP/1.1 200 OK\r\n", CallOutcome::Truncated),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", CallOutcome::Truncated),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", CallOutcome::Good),
            ("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", CallOutcome::OtherStatus),
            ("HTTP/1.1 200 OK\r\n\r\nwithout a length nobody knows", CallOutcome::Truncated),
        ] {
            assert_eq!(classify(answer.as_bytes()), outcome, "{answer:?}");
        }
    }

    #[test]
    fn the_gap_is_between_good_answers() {
        let (start, mut stats) = (Instant::now(), CallStats::NEW);
        let at = |ms| start + Duration::from_millis(ms);
        for (outcome, asked, ended) in [
            (CallOutcome::Good, 0, 1),
            (CallOutcome::Refused, 5, 6),
            (CallOutcome::OtherStatus, 10, 40),
            (CallOutcome::Good, 45, 101),
        ] {
            stats.note(outcome, at(asked), at(ended));
        }
        assert_eq!((stats.gap, stats.slowest), (Duration::from_millis(100), Duration::from_millis(56)));
        assert_eq!((stats.good, stats.other_status, stats.refused, stats.truncated), (2, 1, 1, 0));
    }
}
