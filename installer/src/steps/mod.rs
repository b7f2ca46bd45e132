//! A first installation as a list of steps.
//!
//! Everything before the list changes nothing: open and verify the head, policy, plan, preflight. The list begins with the
//! state folder and its journal. Each step is written to the journal before it acts, can be repeated, and has an undo that
//! works from the journal alone, also when the step was cut off anywhere in between. [`StepName::Commit`] in the journal is the
//! point of no return: what comes later is finished, what came before is undone.

mod commit;
mod configure;
mod load;
mod probe;
mod stage;
mod switch;
mod unfold;

pub(crate) use commit::finish;

use crate::failure;
use crate::journal::{Installation, Journal, Operation, StepName};
use crate::layout::{DATABASE_FOLDER, FOLDERS};
use crate::media::Media;
use crate::plan::Plan;
use crate::settings::Ports;
use crate::site::Site;
use crate::state::State;
use crate::{durable, removal};
use anyhow::Context as _;
use landfall_keys::TrustRoot;
use landfall_manifests::{Bundle, Release, ReleaseId};

/// Everything that the steps of an installation work with.
pub(crate) struct Install<'a> {
    pub(crate) site: &'a Site,
    pub(crate) media: &'a Media,
    pub(crate) bundle: &'a Bundle,
    pub(crate) plan: &'a Plan,
    pub(crate) trust: &'a TrustRoot,
    /// The text of `config.toml`.
    pub(crate) settings: &'a str,
    pub(crate) ports: Ports,
}

/// A step: what it does, and how that is taken back.
struct Step {
    name: StepName,
    act: fn(&Install<'_>, &Installation) -> anyhow::Result<()>,
    undo: fn(&Site, &Installation) -> anyhow::Result<()>,
}

/// The steps in their order.
const STEPS: [Step; 7] = [
    Step { name: StepName::Stage, act: stage::act, undo: stage::undo },
    Step { name: StepName::Load, act: load::act, undo: load::undo },
    Step { name: StepName::Unfold, act: unfold::act, undo: unfold::undo },
    Step { name: StepName::Configure, act: configure::act, undo: configure::undo },
    Step { name: StepName::Switch, act: switch::act, undo: switch::undo },
    Step { name: StepName::Probe, act: probe::act, undo: probe::undo },
    Step { name: StepName::Commit, act: commit::act, undo: commit::undo },
];

impl Install<'_> {
    pub(crate) fn release(&self) -> &Release {
        self.bundle.release()
    }

    pub(crate) fn id(&self) -> ReleaseId {
        self.release().id()
    }

    /// Makes those of [`FOLDERS`] that lie in one of `below`, or lead to it.
    fn make_folders(&self, below: &[&str]) -> anyhow::Result<()> {
        let within = |folder: &str, other: &str| other == folder || other.starts_with(&format!("{folder}/"));
        for (folder, mode) in FOLDERS {
            if below.iter().any(|below| within(folder, below) || within(below, folder)) {
                durable::create_folder(&self.site.layout.at(folder), mode)?;
            }
        }
        Ok(())
    }
}

/// Carries the installation out. When it fails, the host is as it was before, or the journal is there for `recover`.
pub(crate) fn run(install: &Install<'_>, installation: Installation, state: Option<State>) -> anyhow::Result<()> {
    let mut journal =
        Journal::new(install.site.surroundings.clone(), Operation::Install(Box::new(installation.clone())));
    let state = State::begin(state, &install.site.layout, &journal)?;
    let mut installation = installation;
    for step in STEPS {
        installation.steps.push(step.name);
        journal.operation = Operation::Install(Box::new(installation.clone()));
        if let Err(error) = state.write_journal(&journal) {
            return Err(back_out(install.site, installation, journal, state, error.into()));
        }
        install.site.console.detail(format_args!("step: {:?}", step.name));
        match (step.act)(install, &installation) {
            Ok(()) => {}
            Err(error) if installation.is_committed() => return Err(failure::unrecorded(error)),
            Err(error) => return Err(undo_after(install.site, &installation, state, error)),
        }
    }
    state.end().map_err(|error| failure::unrecorded(error.into()))
}

/// The journal could not be written. On the disk it may nevertheless have grown by the step, so it is first brought back to
/// what was done; if that fails too, `recover` goes by what it finds.
fn back_out(
    site: &Site,
    mut installation: Installation,
    mut journal: Journal,
    state: State,
    error: anyhow::Error,
) -> anyhow::Error {
    installation.steps.pop();
    journal.operation = Operation::Install(Box::new(installation.clone()));
    match state.write_journal(&journal) {
        Ok(()) => undo_after(site, &installation, state, error),
        Err(again) => failure::unsettled(error, &again.into()),
    }
}

fn undo_after(site: &Site, installation: &Installation, state: State, error: anyhow::Error) -> anyhow::Error {
    site.console.detail("undoing what was done");
    match undo(site, installation, state) {
        Ok(()) => {
            site.console.say("everything was undone: the host is as it was before");
            error
        }
        Err(undo_error) => failure::unsettled(error, &undo_error),
    }
}

/// Takes back the steps that have begun, last first, and with them the journal. What cannot be taken back now stays in the
/// journal; everything else is taken back all the same.
pub(crate) fn undo(site: &Site, installation: &Installation, state: State) -> anyhow::Result<()> {
    let mut failed: Option<anyhow::Error> = None;
    for step in STEPS.iter().rev().filter(|step| installation.steps.contains(&step.name)) {
        if let Err(error) = (step.undo)(site, installation) {
            failed.get_or_insert(error.context(format!("undo {:?}", step.name)));
        }
    }
    let created = &installation.record.created;
    if created.iter().any(|folder| folder == DATABASE_FOLDER) {
        durable::remove_tree(&site.layout.at(DATABASE_FOLDER))?;
    }
    removal::remove_folders(&site.layout, created)?;
    match failed {
        Some(error) => Err(error),
        None => state.vanish(created).context("remove the state folder"),
    }
}
