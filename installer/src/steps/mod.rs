//! From one release to another, as a list of steps: first installation, update and rollback are the same thing.
//!
//! Everything before the list changes nothing: open and verify the head, policy, plan, preflight. Each step is written to the
//! journal before it acts, can be repeated, and has an undo that works from the journal alone, also when the step was cut off
//! anywhere in between. [`StepName::Commit`] in the journal is the point of no return: what comes later is finished, what
//! came before is undone. Up to [`StepName::Switch`] the release that runs is not touched.

mod commit;
mod configure;
mod load;
mod probe;
mod snapshot;
mod stage;
mod switch;
mod unfold;

pub(crate) use commit::finish;

use crate::failure;
use crate::host_context::HostContext;
use crate::layout::{DATABASE_FOLDER, FOLDERS};
use crate::media::Media;
use crate::plan::PlannedImage;
use crate::settings::{Ports, UpdateSettings};
use crate::state::State;
use crate::state::journal::{Journal, Operation, StepName, Transition};
use crate::state::tries::Tries;
use crate::store::Store;
use crate::{durable, interrupt, removal, trust};
use anyhow::Context as _;
use landfall_keys::TrustRoot;
use landfall_manifests::{Bundle, Release};

/// Everything that the steps work with.
pub(crate) struct Work<'a> {
    pub(crate) host: &'a HostContext,
    pub(crate) release: &'a Release,
    /// What brings the release; `None` for one that is kept.
    pub(crate) bundle_source: Option<BundleSource<'a>>,
    pub(crate) images: &'a [PlannedImage],
    /// The text of `config.toml`.
    pub(crate) settings: &'a str,
    pub(crate) ports: Ports,
    pub(crate) update: UpdateSettings,
}

/// A bundle on its media, whose manifest is believed.
#[derive(Clone, Copy)]
pub(crate) struct BundleSource<'a> {
    pub(crate) media: &'a Media,
    pub(crate) bundle: &'a Bundle,
    /// What the host had pinned when the bundle was believed.
    pub(crate) pinned: Option<&'a TrustRoot>,
}

/// A step: what it does, and how that is taken back.
struct Step {
    name: StepName,
    act: fn(&Work<'_>, &mut Transition) -> anyhow::Result<()>,
    undo: fn(&HostContext, &Transition) -> anyhow::Result<()>,
}

/// The steps in their order.
const STEPS: [Step; 8] = [
    Step { name: StepName::Stage, act: |work, transition| stage::act(work, transition), undo: stage::undo },
    Step { name: StepName::Load, act: |work, transition| load::act(work, transition), undo: load::undo },
    Step { name: StepName::Unfold, act: |work, transition| unfold::act(work, transition), undo: unfold::undo },
    Step { name: StepName::Configure, act: |work, transition| configure::act(work, transition), undo: configure::undo },
    Step { name: StepName::Snapshot, act: snapshot::act, undo: nothing },
    Step { name: StepName::Switch, act: |work, transition| switch::act(work, transition), undo: switch::undo },
    Step { name: StepName::Probe, act: |work, transition| probe::act(work, transition), undo: nothing },
    Step { name: StepName::Commit, act: |work, transition| commit::act(work, transition), undo: nothing },
];

/// For steps that leave nothing to take back.
#[expect(clippy::unnecessary_wraps, reason = "has the form of every undo")]
fn nothing(_: &HostContext, _: &Transition) -> anyhow::Result<()> {
    Ok(())
}

impl Work<'_> {
    /// Makes those of [`FOLDERS`] that lie in one of `below`, or lead to it.
    fn make_folders(&self, below: &[&str]) -> anyhow::Result<()> {
        let within = |folder: &str, other: &str| other == folder || other.starts_with(&format!("{folder}/"));
        for (folder, mode) in FOLDERS {
            if below.iter().any(|below| within(folder, below) || within(below, folder)) {
                durable::create_folder(&self.host.layout.at(folder), mode)?;
            }
        }
        Ok(())
    }
}

/// Carries the transition out. When it fails, the host is as it was before, or the journal is there for `recover`.
pub(crate) fn run(work: &Work<'_>, mut transition: Transition, state: Option<State>) -> anyhow::Result<()> {
    interrupt::listen().context("listen for signals")?;
    let mut journal = journal(work.host, &transition);
    let state = State::begin(state, &work.host.layout, &journal)?;
    if let Some(Err(error)) =
        work.bundle_source.map(|bundle_source| trust::check_unchanged(&work.host.layout, bundle_source.pinned))
    {
        return Err(undo_after(work, &transition, state, error.into()));
    }
    for step in STEPS {
        if let Err(error) = interrupt::check() {
            return Err(undo_after(work, &transition, state, error.into()));
        }
        if step.name == StepName::Switch {
            // Staging took its time: the release that runs may have proven itself meanwhile.
            transition.tries = match Tries::counting(&work.host.layout) {
                Ok(tries) => tries,
                Err(error) => return Err(undo_after(work, &transition, state, error.into())),
            };
        }
        transition.steps.push(step.name);
        if transition.is_committed() {
            interrupt::hold();
        }
        journal.operation = Operation::Transition(Box::new(transition.clone()));
        if let Err(error) = state.write_journal(&journal) {
            return Err(back_out(work, transition, state, error.into()));
        }
        work.host.console.detail(format_args!("step: {:?}", step.name));
        match (step.act)(work, &mut transition) {
            Ok(()) => {}
            Err(error) if transition.is_committed() => return Err(failure::unrecorded(error)),
            Err(error) => return Err(undo_after(work, &transition, state, error)),
        }
    }
    state.end().map_err(|error| failure::unrecorded(error.into()))
}

fn journal(host: &HostContext, transition: &Transition) -> Journal {
    Journal::new(host.environment.clone(), Operation::Transition(Box::new(transition.clone())))
}

/// The journal could not be written. On the disk it may nevertheless have grown by the step, so it is first brought back to
/// what was done; if that fails too, `recover` goes by what it finds.
fn back_out(work: &Work<'_>, mut transition: Transition, state: State, error: anyhow::Error) -> anyhow::Error {
    transition.steps.pop();
    match state.write_journal(&journal(work.host, &transition)) {
        Ok(()) => undo_after(work, &transition, state, error),
        Err(again) => failure::unsettled(error, &again.into()),
    }
}

fn undo_after(work: &Work<'_>, transition: &Transition, state: State, error: anyhow::Error) -> anyhow::Error {
    let host = work.host;
    interrupt::hold();
    host.console.detail("undoing what was done");
    if let Err(undo_error) = undo(host, transition, state) {
        return failure::unsettled(error, &undo_error);
    }
    if transition.before.is_some()
        && !failure::is_resumable(&error)
        && let Err(error) = Store::new(&host.layout).clear_incoming()
    {
        host.console.warn(format_args!("what was staged is left behind: {error:#}"));
    }
    if let Some(source) = transition.source().filter(|_| transition.has_begun(StepName::Snapshot)) {
        let again = transition.has_begun(StepName::Switch).then(|| probe::again(work, source));
        return failure::reverted(error, source, again);
    }
    host.console.say("everything was undone: the host is as it was before");
    error
}

/// Takes back the steps that have begun, last first, and with them the journal. What cannot be taken back now stays in the
/// journal; everything else is taken back all the same, unless a release is to run again, or the target's program has to bring a
/// database back: then the rest must wait for it.
pub(crate) fn undo(host: &HostContext, transition: &Transition, state: State) -> anyhow::Result<()> {
    let mut failed: Option<anyhow::Error> = None;
    for step in STEPS.iter().rev().filter(|step| transition.has_begun(step.name)) {
        if let Err(error) = (step.undo)(host, transition) {
            let error = error.context(format!("undo {:?}", step.name));
            let hands_back = step.name == StepName::Switch && transition.schema_before.is_some();
            if transition.before.is_some() || hands_back {
                return Err(error);
            }
            failed.get_or_insert(error);
        }
    }
    let created = transition.created();
    if created.iter().any(|folder| folder == DATABASE_FOLDER) {
        durable::remove_tree(&host.layout.at(DATABASE_FOLDER))?;
    }
    removal::remove_folders(&host.layout, &created)?;
    match (failed, &transition.before) {
        (Some(error), _) => Err(error),
        (None, Some(_)) => state.end().context("end the journal"),
        (None, None) => state.vanish(&created).context("remove the state folder"),
    }
}
