//! The steps from one release to another. First installation, update and rollback are the same list.
//!
//! Everything before the list changes nothing: opening and verifying the head, policy, plan, preflight. Each step is written to the
//! journal before it acts, can be repeated, and has an undo that works from the journal alone, also when the step was cut off
//! anywhere. [`StepName::Commit`] in the journal is the point of no return: a transition with it is finished, one without it is
//! undone. Up to [`StepName::Switch`] the release that runs is not touched.
//!
//! To add a step: a [`StepName`], a file with `act` and `undo`, and a line in [`STEPS`].

mod commit;
mod configure;
mod error;
mod load;
mod packages;
mod probe;
mod snapshot;
mod stage;
mod switch;
mod unfold;

pub(crate) use commit::finish;
pub(crate) use error::{ImageError, RevertOutcome, StepError, TransitionError, UnhealthyError};

use crate::durable::PathError;
use crate::engine::ImageEngine;
use crate::host_context::HostContext;
use crate::layout::{DATABASE_FOLDER, FOLDERS};
use crate::media::Media;
use crate::plan::PlannedImage;
use crate::plan::preflight::Problem;
use crate::receipts;
use crate::settings::Ports;
use crate::state::State;
use crate::state::journal::{Journal, Operation, StepName, Transition};
use crate::state::tries::Tries;
use crate::store::Store;
use crate::{durable, interrupt, removal, trust};
use landfall_console::message_with_causes;
use landfall_host::settings::UpdateSettings;
use landfall_keys::TrustRoot;
use landfall_manifests::{Bundle, Release};

/// What the steps work with.
pub(crate) struct Work<'a> {
    pub(crate) host: &'a HostContext,
    pub(crate) release: &'a Release,
    /// The bundle of the release; `None` for a release that is on the host.
    pub(crate) bundle_source: Option<BundleSource<'a>>,
    pub(crate) images: &'a [PlannedImage],
    /// The text of `config.toml`.
    pub(crate) settings: &'a str,
    pub(crate) ports: Ports,
    pub(crate) update: UpdateSettings,
    /// What is asked of an engine that the step [`StepName::Packages`] brings; `None` where it brings none.
    pub(crate) check_engine: Option<EngineCheck<'a>>,
}

/// What preflight could not ask of an engine that was not there.
pub(crate) type EngineCheck<'a> = &'a dyn Fn(&dyn ImageEngine) -> Result<Vec<Problem>, StepError>;

/// A bundle on its media, whose manifest is verified.
#[derive(Clone, Copy)]
pub(crate) struct BundleSource<'a> {
    pub(crate) media: &'a Media,
    pub(crate) bundle: &'a Bundle,
    /// The trust root that the host had pinned when the manifest was verified.
    pub(crate) pinned: Option<&'a TrustRoot>,
}

/// A step: what it does, and how that is undone.
struct Step {
    name: StepName,
    act: fn(&Work<'_>, &mut Transition) -> Result<(), StepError>,
    undo: fn(&HostContext, &Transition) -> Result<(), StepError>,
}

/// The steps in their order.
const STEPS: [Step; 9] = [
    Step { name: StepName::Stage, act: |work, transition| stage::act(work, transition), undo: stage::undo },
    Step { name: StepName::Packages, act: |work, transition| packages::act(work, transition), undo: packages::undo },
    Step { name: StepName::Load, act: |work, transition| load::act(work, transition), undo: load::undo },
    Step { name: StepName::Unfold, act: |work, transition| unfold::act(work, transition), undo: unfold::undo },
    Step { name: StepName::Configure, act: |work, transition| configure::act(work, transition), undo: configure::undo },
    Step { name: StepName::Snapshot, act: snapshot::act, undo: nothing },
    Step { name: StepName::Switch, act: |work, transition| switch::act(work, transition), undo: switch::undo },
    Step { name: StepName::Probe, act: |work, transition| probe::act(work, transition), undo: nothing },
    Step { name: StepName::Commit, act: |work, transition| commit::act(work, transition), undo: nothing },
];

/// The undo of steps that leave nothing to undo.
#[expect(clippy::unnecessary_wraps, reason = "has the form of every undo")]
fn nothing(_: &HostContext, _: &Transition) -> Result<(), StepError> {
    Ok(())
}

impl Work<'_> {
    /// Creates those of [`FOLDERS`] that are in one of `below`, or lead to it.
    fn make_folders(&self, below: &[&str]) -> Result<(), PathError> {
        let within = |folder: &str, other: &str| other == folder || other.starts_with(&format!("{folder}/"));
        for (folder, mode) in FOLDERS {
            // `FOLDERS` lists parents before what is in them, so that each `mkdir` finds its parent.
            if below.iter().any(|below| within(folder, below) || within(below, folder)) {
                durable::create_folder(&self.host.layout.at(folder), mode)?;
            }
        }
        Ok(())
    }
}

/// Carries the transition out.
///
/// # Errors
/// The host is as it was before, unless the error says that there is a journal for `recover`.
pub(crate) fn run(work: &Work<'_>, mut transition: Transition, state: Option<State>) -> Result<(), TransitionError> {
    // Before the journal is there: from then on a signal is a request, which is looked at between steps.
    interrupt::listen().map_err(TransitionError::Listen)?;
    let mut journal = journal(work.host, &transition);
    // The first journal names no step yet. With it, whatever cuts the run off from here on is settled by `recover`.
    let state = State::begin(state, &work.host.layout, &journal)?;
    // What was decided upon was read before the journal was there: `trust import` may have pinned another root since.
    if let Some(Err(error)) =
        work.bundle_source.map(|bundle_source| trust::check_unchanged(&work.host.layout, bundle_source.pinned))
    {
        return Err(undo_after(work, &transition, state, error.into()));
    }
    for step in STEPS {
        // 1. A signal ends the operation between two steps, never in the middle of one.
        if let Err(error) = interrupt::check() {
            return Err(undo_after(work, &transition, state, error.into()));
        }
        if step.name == StepName::Switch {
            // Staging took its time: the release that runs may be marked good by now.
            transition.tries = match Tries::counting(&work.host.layout) {
                Ok(tries) => tries,
                Err(error) => return Err(undo_after(work, &transition, state, error.into())),
            };
        }
        // 2. The journal names the step before it acts, so that its undo runs even if it is cut off at once. From the commit on
        //    it cannot be undone, so signals are no longer looked at.
        transition.steps.push(step.name);
        if transition.is_committed() {
            interrupt::defer_signals();
        }
        journal.operation = Operation::Transition(Box::new(transition.clone()));
        if let Err(error) = state.write_journal(&journal) {
            return Err(back_out(work, transition, state, error.into()));
        }
        // 3. Act. What fails before the commit is undone; what fails in it is finished by `recover`.
        work.host.console.detail(format_args!("step: {:?}", step.name));
        match (step.act)(work, &mut transition) {
            Ok(()) => {}
            Err(error) if transition.is_committed() => return Err(TransitionError::Unrecorded(error)),
            Err(error) => return Err(undo_after(work, &transition, state, error)),
        }
    }
    // The journal goes last: a commit that is cut off before is finished again, and each of its parts can be repeated.
    state.end().map_err(|error| TransitionError::Unrecorded(error.into()))
}

fn journal(host: &HostContext, transition: &Transition) -> Journal {
    Journal::new(host.environment.clone(), Operation::Transition(Box::new(transition.clone())))
}

/// The journal could not be written. On the disk it may nevertheless name the step already, so it is first brought back to what
/// was done; if that fails too, `recover` settles what it finds.
fn back_out(work: &Work<'_>, mut transition: Transition, state: State, error: StepError) -> TransitionError {
    transition.steps.pop();
    match state.write_journal(&journal(work.host, &transition)) {
        Ok(()) => undo_after(work, &transition, state, error),
        Err(again) => TransitionError::unsettled(&error, &again),
    }
}

/// Undoes what was done before `error`, and says how the host runs now.
fn undo_after(work: &Work<'_>, transition: &Transition, state: State, error: StepError) -> TransitionError {
    let host = work.host;
    interrupt::defer_signals();
    host.console.detail("undoing what was done");
    if let Err(undo_error) = undo(host, transition, state) {
        return TransitionError::unsettled(&error, &undo_error);
    }
    // An update that failed gives its room back, since the disk may be what it failed for. One that was interrupted goes on
    // from there. A first installation has taken the whole store back.
    if transition.before.is_some()
        && !error.is_resumable()
        && let Err(error) = Store::new(&host.layout).clear_incoming()
    {
        host.console.warn(format_args!("what was staged is left behind: {}", message_with_causes(&error)));
    }
    // Up to the snapshot an update is only prepared: its failure is not one of the release.
    if let Some(source) = transition.source().filter(|_| transition.has_begun(StepName::Snapshot)) {
        let id = source.id();
        let outcome = if transition.has_begun(StepName::Switch) {
            match probe::again(work, source) {
                Ok(()) => RevertOutcome::RunsAgain(id),
                Err(reason) => RevertOutcome::Unhealthy(id, reason),
            }
        } else {
            RevertOutcome::Untouched(id)
        };
        return TransitionError::Reverted { cause: error.into(), outcome };
    }
    host.console.say("everything was undone: the host is as it was before");
    TransitionError::Undone(error)
}

/// Undoes the steps that have begun, last first, and removes the journal. What cannot be undone now stays in the journal;
/// everything else is undone all the same, unless a release is to run again, or the target's program has to bring a database back:
/// then the rest must wait for it.
pub(crate) fn undo(host: &HostContext, transition: &Transition, state: State) -> Result<(), StepError> {
    let mut failed: Option<StepError> = None;
    // 1. The steps, last first: each undo finds the host as its step left it.
    for step in STEPS.iter().rev().filter(|step| transition.has_begun(step.name)) {
        if let Err(error) = (step.undo)(host, transition) {
            let error = StepError::Undo { step: step.name, source: error.into() };
            let hands_back = step.name == StepName::Switch && transition.schema_before.is_some();
            // Earlier steps have made what the failed one still uses: where `current` leads to the new release, undoing
            // `unfold` would remove the folder that runs.
            if transition.before.is_some() || hands_back {
                return Err(error);
            }
            // The first failure is the cause; those after it may only follow from it.
            failed.get_or_insert(error);
        }
    }
    // 2. The folders that came with the transition. A database in one of them is the release's, which was never the host's.
    let created = transition.created();
    if created.iter().any(|folder| folder == DATABASE_FOLDER) {
        durable::remove_tree(&host.layout.at(DATABASE_FOLDER))?;
    }
    removal::remove_folders(&host.layout, &created)?;
    // 3. The receipt of an update or rollback that was more than prepared. One that recovery tries at each start leaves none.
    if transition.before.is_some() && transition.has_begun(StepName::Snapshot) && !transition.unattended {
        state_taken_back(host, transition)?;
    }
    // 4. The journal, last: until then `recover` does all of this again.
    match (failed, &transition.before) {
        (Some(error), _) => Err(error),
        (None, Some(_)) => state.end().map_err(StepError::EndJournal),
        (None, None) => state.remove(&created).map_err(StepError::RemoveState),
    }
}

/// Issues the receipt of a transition that was taken back, whose release from before runs again by now.
///
/// # Errors
/// The receipt's counter is used, and the disk takes no receipt: recovery has to repeat it, or one would be missing.
fn state_taken_back(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    let Some(receipt) = transition.receipt.undone() else { return Ok(()) };
    match receipts::issue_or_warn(&host.layout, &receipt, host.console) {
        Err(error) if receipts::may_be_counted(&host.layout, &receipt) => Err(error.into()),
        // A disk that takes nothing at all, as a full one, is no reason to leave more to settle.
        Err(error) => {
            host.console.warn(format_args!("no receipt of this could be written: {}", message_with_causes(&error)));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
