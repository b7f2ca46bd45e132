//! The runtime cycles of a unit, as systemd counts them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The digits of an invocation's name (sd-id128(3): 128 bits).
const DIGITS: usize = 32;

/// One runtime cycle of a unit, as systemd names it: 32 hexadecimal digits (systemd.exec(5), `$INVOCATION_ID`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Invocation(String);

/// A text that names no invocation.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no invocation: that is {DIGITS} hexadecimal digits")]
pub struct InvocationError(String);

impl Invocation {
    /// The invocation that this process belongs to; `None` where systemd did not start it.
    pub fn current() -> Option<Self> {
        std::env::var("INVOCATION_ID").ok()?.parse().ok()
    }

    /// What stands for a process that systemd did not start: no invocation is all zeros (sd-id128(3), `SD_ID128_NULL`).
    pub fn null() -> Self {
        Self("0".repeat(DIGITS))
    }
}

impl FromStr for Invocation {
    type Err = InvocationError;

    fn from_str(text: &str) -> Result<Self, InvocationError> {
        let is_one = text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_one { Ok(Self(text.to_owned())) } else { Err(InvocationError(text.chars().take(DIGITS).collect())) }
    }
}

impl TryFrom<String> for Invocation {
    type Error = InvocationError;

    fn try_from(text: String) -> Result<Self, InvocationError> {
        text.parse()
    }
}

impl From<Invocation> for String {
    fn from(invocation: Invocation) -> Self {
        invocation.0
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_what_systemd_calls_it() {
        let text = "cc8fdc149b2b4ca698d4f259f4054236";
        assert_eq!(text.parse::<Invocation>().unwrap().to_string(), text);
        for other in ["", "CC8FDC149B2B4CA698D4F259F4054236", &text[1..], &format!("{text}0"), "../../etc/passwd"] {
            assert!(other.parse::<Invocation>().is_err(), "{other}");
        }
    }
}
