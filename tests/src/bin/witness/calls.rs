//! Callers who ask the same again and again, a connection a question, and how they fared.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_mins(10);

/// How one question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A whole answer with status 200.
    Good,
    /// A whole answer with another status.
    TurnedAway,
    /// The connection was not accepted.
    Refused,
    /// The connection was accepted, and ended without a byte.
    Cut,
    /// The answer began, and ended too early.
    Half,
}

/// How one caller fared.
#[derive(Debug)]
struct Course {
    good: u32,
    turned_away: u32,
    refused: u32,
    cut: u32,
    half: u32,
    slowest: Duration,
    /// The longest time from one good answer to the next.
    gap: Duration,
    last_good: Option<Instant>,
}

impl Course {
    const NEW: Self = Self {
        good: 0,
        turned_away: 0,
        refused: 0,
        cut: 0,
        half: 0,
        slowest: Duration::ZERO,
        gap: Duration::ZERO,
        last_good: None,
    };

    fn note(&mut self, fate: Fate, asked: Instant, ended: Instant) {
        self.slowest = self.slowest.max(ended - asked);
        match fate {
            Fate::Good => {
                self.good += 1;
                let gap = self.last_good.map_or(Duration::ZERO, |last| ended - last);
                (self.gap, self.last_good) = (self.gap.max(gap), Some(ended));
            }
            Fate::TurnedAway => self.turned_away += 1,
            Fate::Refused => self.refused += 1,
            Fate::Cut => self.cut += 1,
            Fate::Half => self.half += 1,
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            good: self.good + other.good,
            turned_away: self.turned_away + other.turned_away,
            refused: self.refused + other.refused,
            cut: self.cut + other.cut,
            half: self.half + other.half,
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
        if waiting.fetch_sub(1, Ordering::Relaxed) == 1
            && let Err(error) = File::create(until.with_added_extension("answered"))
        {
            eprintln!("cannot say that all are answered: {error}");
        }
    };
    let courses: Vec<Course> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(|| call(port, path, until, answered))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let all = courses.iter().fold(Course::NEW, Course::and);
    json!({
        "callers": courses.len(), "good": all.good, "turnedAway": all.turned_away, "refused": all.refused,
        "cut": all.cut, "half": all.half,
        "slowestMs": all.slowest.as_secs_f64() * 1e3, "longestGapMs": all.gap.as_secs_f64() * 1e3,
    })
}

fn call(port: u16, path: &str, until: &Path, answered: impl Fn()) -> Course {
    let mut course = Course::NEW;
    loop {
        let is_last = until.exists();
        let asked = Instant::now();
        let fate = ask(port, path);
        course.note(fate, asked, Instant::now());
        if fate == Fate::Good && course.good == 1 {
            answered();
        }
        if is_last {
            return course;
        }
        std::thread::sleep(PAUSE);
    }
}

fn ask(port: u16, path: &str) -> Fate {
    let Ok(mut stream) = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), PATIENCE) else {
        return Fate::Refused;
    };
    let mut answer = Vec::new();
    // Whatever ends the connection: what arrived until then decides.
    let _ = exchange(&mut stream, path, &mut answer);
    judge(&answer)
}

fn exchange(stream: &mut TcpStream, path: &str, answer: &mut Vec<u8>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    stream.read_to_end(answer).map(drop)
}

/// An answer is whole when all bytes are there that its `Content-Length` promises (RFC 9112, section 6.3).
fn judge(answer: &[u8]) -> Fate {
    if answer.is_empty() {
        return Fate::Cut;
    }
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Fate::Half };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    match (length, head.split(' ').nth(1)) {
        (Some(length), _) if body.len() != length => Fate::Half,
        (Some(_), Some("200")) => Fate::Good,
        (Some(_), _) => Fate::TurnedAway,
        (None, _) => Fate::Half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_half() {
        for (answer, fate) in [
            ("", Fate::Cut),
            ("HTTP/1.1 200 OK\r\n", Fate::Half),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", Fate::Half),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Fate::Good),
            ("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", Fate::TurnedAway),
            ("HTTP/1.1 200 OK\r\n\r\nwithout a length nobody knows", Fate::Half),
        ] {
            assert_eq!(judge(answer.as_bytes()), fate, "{answer:?}");
        }
    }

    #[test]
    fn the_gap_is_between_good_answers() {
        let (start, mut course) = (Instant::now(), Course::NEW);
        let at = |ms| start + Duration::from_millis(ms);
        for (fate, asked, ended) in
            [(Fate::Good, 0, 1), (Fate::Refused, 5, 6), (Fate::TurnedAway, 10, 40), (Fate::Good, 45, 101)]
        {
            course.note(fate, at(asked), at(ended));
        }
        assert_eq!((course.gap, course.slowest), (Duration::from_millis(100), Duration::from_millis(56)));
        assert_eq!((course.good, course.turned_away, course.refused, course.half), (2, 1, 1, 0));
    }
}
