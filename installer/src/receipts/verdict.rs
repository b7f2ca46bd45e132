//! What there is to say of a host's receipts.

use super::chain::Fault;
use super::counter::Counter;
use serde::Serialize;

/// How many findings of a kind are kept and shown. Whoever meets more of them has seen enough.
const LISTED: usize = 100;

/// What was found in a chain.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What is not as it should be.
    pub(crate) faults: Findings,
    /// Where the host itself says that the chain is broken, and why.
    pub(crate) gaps: Findings,
}

/// The first findings of a kind.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) listed: Vec<Finding>,
    /// How many there are besides.
    pub(crate) more: usize,
}

/// What was found at one receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) counter: Counter,
    pub(crate) message: String,
}

impl Verdict {
    /// The value, or none after noting the fault.
    pub(super) fn take<T>(&mut self, counter: Counter, result: Result<T, Fault>) -> Option<T> {
        let note = |fault: Fault| {
            let counter = fault.about().unwrap_or(counter);
            self.faults.extend(Some(format!("{:#}", anyhow::Error::from(fault))), counter);
        };
        result.map_err(note).ok()
    }
}

impl Findings {
    pub(super) fn extend(&mut self, message: Option<String>, counter: Counter) {
        let Some(message) = message else { return };
        if self.listed.len() < LISTED {
            self.listed.push(Finding { counter, message });
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// A line for each, and one for those that are not listed.
    pub(crate) fn lines(&self) -> String {
        let more = (self.more > 0).then(|| format!("and {} more", self.more));
        let lines = self.listed.iter().map(|finding| finding.message.clone()).chain(more);
        lines.collect::<Vec<_>>().join("\n")
    }
}
