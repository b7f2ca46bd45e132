//! The id of a request, in the response and in the log.

use std::fmt;

/// The longest id that is accepted from a client, in bytes.
const MAX_LENGTH: usize = 64;

/// A request's id: the client's own where it is safe to log, or a random one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The client's id, where it has 1 to 64 of the characters `A-Z a-z 0-9 . _ -`; otherwise a random one.
    pub fn adopt(given: Option<&str>) -> Self {
        let safe = |id: &&str| {
            (1..=MAX_LENGTH).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        given.filter(safe).map_or_else(Self::random, |id| Self(id.to_owned()))
    }

    /// A random id, 16 hex digits.
    pub fn random() -> Self {
        // Without randomness the id repeats, which only makes the log harder to read.
        Self(format!("{:016x}", getrandom::u64().unwrap_or_default()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_ids_that_are_safe_to_log() {
        assert_eq!(RequestId::adopt(Some("req-1.a_B")).as_str(), "req-1.a_B");
        let long = "x".repeat(MAX_LENGTH + 1);
        for id in [None, Some(""), Some("a b"), Some("a\"b"), Some("a\r\nb"), Some(long.as_str())] {
            assert_eq!(RequestId::adopt(id).as_str().len(), 16, "{id:?}");
        }
    }
}
