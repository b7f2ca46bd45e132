//! What runs in an image that is made here, and how.

use std::collections::{BTreeMap, BTreeSet};

/// How Linux calls its signals, without `SIG` (signal(7)).
const SIGNALS: [&str; 35] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "EMT",
];
/// The highest number of a signal.
const LAST_SIGNAL: u32 = 64;
/// How many real-time signals there are above the first, and below the last.
const REAL_TIME: [(&str, u32); 2] = [("RTMIN+", 15), ("RTMAX-", 14)];

/// What an image's configuration says, or what it says otherwise than its base's (OCI image specification, "Image Configuration",
/// `config`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) user: Option<String>,
    pub(crate) workdir: Option<String>,
    /// With their protocols, as in `80/tcp`.
    pub(crate) ports: BTreeSet<String>,
    pub(crate) volumes: BTreeSet<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) stop_signal: Option<String>,
}

/// A port as configurations have it: `80` becomes `80/tcp`.
pub(super) fn port(text: &str) -> Option<String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse::<u16>().ok().filter(|number| is_number && *number > 0)?;
    ["tcp", "udp", "sctp"].contains(&protocol).then(|| format!("{number}/{protocol}"))
}

/// Whether engines know a signal of this name or number.
pub(super) fn is_signal(text: &str) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().is_ok_and(|number: u32| (1..=LAST_SIGNAL).contains(&number));
    }
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let is_real_time = REAL_TIME.iter().any(|(start, most)| {
        let distance = name.strip_prefix(start).and_then(|distance| distance.parse::<u32>().ok());
        distance.is_some_and(|distance| (1..=*most).contains(&distance))
    });
    SIGNALS.contains(&name) || ["RTMIN", "RTMAX"].contains(&name) || is_real_time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_a_number_and_a_protocol() {
        for (text, expected) in [
            ("80", Some("80/tcp")),
            ("0053/udp", Some("53/udp")),
            ("9/sctp", Some("9/sctp")),
            ("0", None),
            ("65536", None),
            ("80-90", None),
            ("+80", None),
            ("/tcp", None),
            ("80/TCP", None),
            ("", None),
        ] {
            assert_eq!(port(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_signal_is_one_that_engines_know() {
        for text in ["SIGTERM", "QUIT", "1", "64", "SIGRTMIN", "SIGRTMIN+3", "RTMAX-14"] {
            assert!(is_signal(text), "{text}");
        }
        for text in ["", "SIG", "sigterm", "0", "65", "TERMINATE", "SIGRTMIN+16", "SIGRTMIN+", "-9"] {
            assert!(!is_signal(text), "{text}");
        }
    }
}
