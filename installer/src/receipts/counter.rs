//! The counter of a receipt, and the names of its files.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The most receipts of a host: ten operations a day for 27 years. Readers rely on this bound.
pub(crate) const MAX_RECEIPTS: u32 = 100_000;

/// Digits of a counter in a file name, padded so that names sort like counters.
const DIGITS: usize = 10;
const BODY: &str = ".json";
const SIGNATURE: &str = ".json.minisig";

/// The number of a receipt on its host, from 1 to [`MAX_RECEIPTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(crate) struct Counter(u32);

/// A number outside the range of counters.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no receipt counter: they go from 1 to {MAX_RECEIPTS}")]
pub(crate) struct CounterError(u32);

impl Counter {
    pub(crate) const FIRST: Self = Self(1);

    /// The next counter; `None` after the last.
    pub(crate) fn next(self) -> Option<Self> {
        Self::try_from(self.0 + 1).ok()
    }

    /// The name of the receipt's file.
    pub(crate) fn body(self) -> String {
        format!("{:0DIGITS$}{BODY}", self.0)
    }

    /// The name of its signature's file, where `minisign -V` looks for it.
    pub(crate) fn signature(self) -> String {
        format!("{:0DIGITS$}{SIGNATURE}", self.0)
    }

    /// The counter in the name of a receipt's file.
    pub(crate) fn of_body(name: &str) -> Option<Self> {
        Self::of_digits(name.strip_suffix(BODY)?)
    }

    /// The counter in the name of a signature's file.
    pub(crate) fn of_signature(name: &str) -> Option<Self> {
        Self::of_digits(name.strip_suffix(SIGNATURE)?)
    }

    fn of_digits(digits: &str) -> Option<Self> {
        // `parse` alone takes `+1` and `01` as well: each counter has one name.
        let right = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_: &u32| right).and_then(|number| Self::try_from(number).ok())
    }
}

impl TryFrom<u32> for Counter {
    type Error = CounterError;

    fn try_from(number: u32) -> Result<Self, CounterError> {
        if (1..=MAX_RECEIPTS).contains(&number) { Ok(Self(number)) } else { Err(CounterError(number)) }
    }
}

impl From<Counter> for u32 {
    fn from(counter: Counter) -> Self {
        counter.0
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_accepted_only_as_they_are_written() {
        let seven = Counter::try_from(7).unwrap();
        assert_eq!((seven.body().as_str(), seven.signature().as_str()), ("0000000007.json", "0000000007.json.minisig"));
        assert_eq!(Counter::of_body("0000000007.json"), Some(seven));
        assert_eq!(Counter::of_signature("0000000007.json.minisig"), Some(seven));
        for other in
            ["7.json", "0000000000.json", "0000100001.json", "+000000007.json", "00000000007.json", "host.pub", ""]
        {
            assert_eq!(Counter::of_body(other).or(Counter::of_signature(other)), None, "{other}");
        }
        assert_eq!(Counter::of_body("0000000007.json.minisig"), None);
    }

    #[test]
    fn counters_go_from_one_to_the_last() {
        assert_eq!(Counter::FIRST.next().map(u32::from), Some(2));
        assert_eq!(Counter::try_from(MAX_RECEIPTS).unwrap().next(), None);
        assert!(Counter::try_from(0).is_err());
    }
}
