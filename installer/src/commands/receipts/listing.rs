//! The list of receipts, each read when it is shown.

use crate::receipts::{Counter, Folder, Operation, Outcome, Receipt, ReleaseRef};
use landfall_manifests::Digest;
use serde::{Serialize, Serializer};
use std::fmt::{Display, Formatter, Result};

/// The receipts of a folder.
pub(super) struct Listing<'a> {
    pub(super) folder: &'a Folder,
    pub(super) counters: &'a [Counter],
}

/// One receipt, as far as it can be parsed. It is not verified.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    counter: Counter,
    /// The digest of its file.
    digest: Option<Digest>,
    receipt: Option<Receipt>,
    /// Why it cannot be read.
    problem: Option<String>,
}

impl Entry {
    fn of(folder: &Folder, counter: Counter) -> Self {
        let empty = Self { counter, digest: None, receipt: None, problem: None };
        let problem = |error: &dyn std::error::Error| Some(landfall_console::message_with_causes(error));
        match folder.read(counter) {
            Err(error) => Self { problem: problem(&error), ..empty },
            Ok(found) => {
                let digest = Some(Digest::of(&found.body));
                match Receipt::parse(&found.body) {
                    Ok(receipt) => Self { digest, receipt: Some(receipt), ..empty },
                    Err(error) => Self { digest, problem: problem(&error), ..empty },
                }
            }
        }
    }
}

impl Listing<'_> {
    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.counters.iter().map(|counter| Entry::of(self.folder, *counter))
    }
}

impl Serialize for Listing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

impl Display for Listing<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.counters.is_empty() {
            return writeln!(f, "there are no receipts");
        }
        self.entries().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

/// What was done to which release.
fn what(receipt: &Receipt) -> String {
    let id = |release: Option<&ReleaseRef>| {
        release.map(|release| format!("{}-{}", release.version, release.serial)).unwrap_or_default()
    };
    let (from, to) = (id(receipt.from.as_ref()), id(receipt.to.as_ref()));
    match (receipt.operation, receipt.outcome) {
        (Operation::Uninstall, _) => from,
        (Operation::Trust, _) => format!("{to}: root {}", receipt.trust.version),
        (_, Outcome::Undone) => format!("{to} after {from}, taken back"),
        (_, Outcome::Done) if from.is_empty() => to,
        (_, Outcome::Done) => format!("{to} after {from}"),
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{:>6}  ", u32::from(self.counter))?;
        let Some(receipt) = &self.receipt else {
            let problem = self.problem.as_deref().unwrap_or_default();
            return write!(f, "cannot be read: {problem}");
        };
        let by = &receipt.by;
        write!(f, "{}  {:8}  {} {}", receipt.time, receipt.operation.name(), receipt.product, what(receipt))?;
        write!(f, ", by {}", by.user)?;
        match &by.login {
            Some(login) if *login != by.user => write!(f, " ({login})")?,
            _ => {}
        }
        receipt.gap.as_ref().map_or(Ok(()), |why| write!(f, "; a gap before it: {why}"))
    }
}
