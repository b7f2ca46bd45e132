//! Settling an operation that was interrupted: it is finished or undone, so that the host runs exactly one of the two releases.
//!
//! `recover` does that and nothing else; a command that begins an operation of its own does it first ([`lock_settled`]).

use crate::errors::Error;
use crate::host_context::{HostArgs, HostContext};
use crate::layout::Layout;
use crate::lock::LockError;
use crate::state::State;
use crate::state::journal::{Journal, Operation, StepName, Transition, TrustImport};
use crate::state::tries;
use crate::{receipts, removal, settings, steps, trust};
use landfall_console::Console;
use serde::Serialize;
use std::fmt;

/// How an interrupted operation, or a release that cannot stay up, was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Outcome {
    /// The operation was committed, or is an uninstallation: the rest of it was done.
    #[serde(rename = "finished")]
    Finished,
    /// The operation was not committed.
    #[serde(rename = "undone")]
    Undone,
    /// The release before it runs again.
    #[serde(rename = "taken back, because its release ended again and again")]
    TakenBack,
    /// The release stays.
    #[serde(rename = "kept: there is no release to go back to")]
    KeptAsTheOnlyRelease,
    /// The release stays.
    #[serde(rename = "kept: its database cannot go back without loss")]
    KeptForItsDatabase,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Undone => "undone",
            Self::TakenBack => "taken back, because its release ended again and again",
            Self::KeptAsTheOnlyRelease => "kept: there is no release to go back to",
            Self::KeptForItsDatabase => "kept: its database cannot go back without loss",
        })
    }
}

/// Locks the host for an operation of its own, as [`State::open`] does. What an earlier operation left interrupted is settled before.
///
/// # Errors
/// Another process works on this host, or the interrupted operation cannot be settled.
pub(crate) fn lock_settled(host_args: &HostArgs, layout: &Layout, console: Console) -> Result<Option<State>, Error> {
    let state = State::open(layout)?;
    let Some(journal) = Journal::read(layout)? else {
        // A change of settings needs no journal: it is one rename, and what comes before that counts for nothing.
        settings::file::remove_partial(layout)?;
        return Ok(state);
    };
    // It came in between, on a host that had nothing to lock.
    let state = state.ok_or(LockError::Busy)?;
    let operation = journal.operation.name();
    console.say(format_args!("this host's last {operation} was interrupted: settling it first"));
    let host = host_args.recorded_context(&journal.host, console)?;
    let outcome = settle(&host, &journal, state)?;
    console.say(format_args!("the interrupted {operation} was {outcome}; going on"));
    // Settling has let go of the lock: a process that takes it now is one at work, as at any other moment.
    Ok(State::open(layout)?)
}

/// Finishes what was committed and undoes what was not: afterwards the host runs exactly one of the two releases.
pub(crate) fn settle(host: &HostContext, journal: &Journal, state: State) -> Result<Outcome, Error> {
    host.console.detail(format_args!("settling with engine {}", host.environment.engine));
    match &journal.operation {
        // A release that is marked good was only never recorded, because its installer was killed.
        Operation::Transition(transition) if transition.is_committed() || is_marked_good(&host.layout, transition) => {
            steps::finish(host, transition)?;
            state.end()?;
            Ok(Outcome::Finished)
        }
        Operation::Transition(transition) => {
            steps::undo(host, transition, state)?;
            Ok(Outcome::Undone)
        }
        Operation::Trust(import) => {
            finish_import(host, import)?;
            state.end()?;
            Ok(Outcome::Finished)
        }
        Operation::Uninstall(uninstallation) => {
            removal::run(host, uninstallation, state)?;
            Ok(Outcome::Finished)
        }
    }
}

/// Pins the root and issues the receipt. Can be repeated.
fn finish_import(host: &HostContext, import: &TrustImport) -> Result<(), Error> {
    trust::pin(&host.layout, &import.root)?;
    Ok(receipts::issue_or_warn(&host.layout, &import.receipt, host.console)?)
}

fn is_marked_good(layout: &Layout, transition: &Transition) -> bool {
    let target = transition.target().id().to_string();
    let current = std::fs::read_link(layout.current()).ok();
    let is_current = current.as_ref().and_then(|link| link.file_name()) == Some(target.as_ref());
    // The starts of a first installation are not counted: a mark is of an earlier time as the current release.
    let is_counted = transition.before.is_some() && transition.has_begun(StepName::Switch);
    is_counted && is_current && tries::is_marked_good(layout, &target)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_outcome_reads_the_same_for_people_and_for_programs() {
        use Outcome::{Finished, KeptAsTheOnlyRelease, KeptForItsDatabase, TakenBack, Undone};
        for outcome in [Finished, Undone, TakenBack, KeptAsTheOnlyRelease, KeptForItsDatabase] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.to_string());
        }
    }
}
