//! What a check of a host's receipts found.

use super::counter::Counter;
use super::fault::ReceiptFault;
use serde::Serialize;

/// How many findings of a kind are kept and shown; more are counted.
const LISTED: usize = 100;

/// What a check of a chain of receipts found.
#[derive(Debug, Default)]
pub(crate) struct ChainReport {
    /// Receipts that are missing, changed, or not signed by the host.
    pub(crate) faults: Findings,
    /// Gaps that the host itself recorded, with its reasons.
    pub(crate) gaps: Findings,
}

/// The first findings of a kind, and a count of the others.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) listed: Vec<Finding>,
    /// How many more there are than those listed.
    pub(crate) more: usize,
}

/// What was found at one receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) counter: Counter,
    pub(crate) message: String,
}

impl ChainReport {
    /// The value of `result`; a fault is added to the report.
    pub(super) fn note<T>(&mut self, counter: Counter, result: Result<T, ReceiptFault>) -> Option<T> {
        let add = |fault: ReceiptFault| {
            let counter = fault.missing_counter().unwrap_or(counter);
            self.faults.add(Some(landfall_console::message_with_causes(&fault)), counter);
        };
        result.map_err(add).ok()
    }
}

impl Findings {
    pub(super) fn add(&mut self, message: Option<String>, counter: Counter) {
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

    /// One line a finding, and one with the count of those not listed.
    pub(crate) fn lines(&self) -> String {
        let more = (self.more > 0).then(|| format!("and {} more", self.more));
        let lines = self.listed.iter().map(|finding| finding.message.clone()).chain(more);
        lines.collect::<Vec<_>>().join("\n")
    }
}
