use super::update::Report;
use crate::database;
use crate::failure;
use crate::host_context::{HostArgs, HostContext};
use crate::layout::Layout;
use crate::plan::policy::Refusal;
use crate::plan::{self, PlannedImage};
use crate::receipts::{Draft, Operation, OperationFacts};
use crate::retained_release::{self, RefusedRelease};
use crate::state::State;
use crate::state::installed::{Installed, InstalledRelease};
use crate::state::journal::{Journal, Kind, Transition};
use crate::state::tries::Tries;
use crate::steps::{self, Work};
use crate::transition::effective_settings::{self, Conflict, EffectiveSettings};
use crate::transition::transition_plan;
use crate::trust;
use landfall_console::{Console, Exit, Failure};
use landfall_keys::Verified;
use landfall_manifests::Release;
use std::fmt;

/// Bring a release back that is kept on this host
///
/// It is verified again from the disk. Tenants keep running, and what was written since the update stays, as long as the
/// release that runs can take its database back; where it cannot, this is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version or the id (VERSION-SERIAL) of the release that is to run; without it, the last one with a lower serial
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Where the database cannot go back without loss, take up the one from before the update; the later one is set aside
    #[arg(long)]
    restore_snapshot: bool,
    /// Do not ask before beginning
    #[arg(long, short)]
    yes: bool,
}

/// A rollback that is decided and not begun.
pub(super) struct Return {
    pub(super) before: Installed,
    pub(super) target: InstalledRelease,
    release: Verified<Release>,
    settings: EffectiveSettings,
    images: Vec<PlannedImage>,
    may_restore_snapshot: bool,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host_args.layout()?;
    let state = State::open(&layout)?;
    if let Some(journal) = Journal::read(&layout)? {
        return Err(failure::interrupted(journal.operation.name()).into());
    }
    let Some(before) = Installed::read(&layout)? else { return Err(Refusal::NotInstalled("go back to").into()) };
    let host = host_args.recorded_context(&before.host, console)?;
    let target = choose(&before, args.to.as_deref())?.clone();
    let mut report = Report {
        changed: false,
        product: target.product.to_string(),
        release: target.id().to_string(),
        from: before.current.id().to_string(),
        warnings: Vec::new(),
    };
    if target.id() == before.current.id() {
        let text = format!("{} {} runs already: nothing to do", report.product, report.release);
        return console.result(&report, text);
    }
    let planned = Return::prepare(&host, before, target, args.restore_snapshot)?;
    transition_plan::confirm(&planned, args.yes, console)?;
    planned.carry_out(&host, state)?;
    report.changed = true;
    report.warnings = console.warnings();
    let text = format!("{} {} runs again in place of {}", report.product, report.release, report.from);
    console.result(&report, text)
}

/// The release that is meant: by its version, or by its id.
fn choose<'a>(before: &'a Installed, wanted: Option<&str>) -> Result<&'a InstalledRelease, Refusal> {
    let list = |releases: &[&InstalledRelease]| {
        let ids: Vec<String> = releases.iter().map(|release| release.id().to_string()).collect();
        if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
    };
    let not_kept = |wanted: &str| {
        let kept: Vec<&InstalledRelease> = before.kept.iter().collect();
        Refusal::NotKept { wanted: wanted.to_owned(), kept: list(&kept) }
    };
    let Some(wanted) = wanted else { return before.earlier().ok_or_else(|| not_kept("an earlier release")) };
    if let Some(release) = before.releases().find(|release| release.id().to_string() == wanted) {
        return Ok(release);
    }
    let of_version: Vec<_> = before.releases().filter(|release| release.version.to_string() == wanted).collect();
    match of_version[..] {
        [] => Err(not_kept(wanted)),
        [release] => Ok(release),
        _ => Err(Refusal::Ambiguous { wanted: wanted.to_owned(), ids: list(&of_version) }),
    }
}

impl Return {
    pub(super) fn prepare(
        host: &HostContext,
        before: Installed,
        target: InstalledRelease,
        may_restore_snapshot: bool,
    ) -> anyhow::Result<Self> {
        if !database::is_lossless(&before.current, &target) && !may_restore_snapshot {
            return Err(Refusal::Irreversible { from: before.current.id(), to: target.id() }.into());
        }
        let layout = &host.layout;
        // The rest of its folder is verified, and put right, as a step.
        let release = retained_release::manifest(layout, &target)?;
        warn_if_refused_today(host, &target);
        let defaults = effective_settings::kept_defaults(layout, release.get())?;
        let running = retained_release::manifest(layout, &before.current);
        let base = running.map_or_else(
            |_| Ok(defaults.clone()),
            |running| effective_settings::kept_defaults(layout, running.get()),
        )?;
        let conflict = if host.detached { Conflict::GivesWay } else { Conflict::Dropped };
        let settings = EffectiveSettings::merge(layout, &base, &defaults, conflict)?;
        let (engine, about) = transition_plan::engine(host);
        if let Some(Err(reason)) = about.filter(|_| !host.detached) {
            return Err(Failure::new(Exit::Unfit, "no_engine", reason).into());
        }
        let images = plan::images(release.get(), engine.as_ref());
        Ok(Self { before, target, release, settings, images, may_restore_snapshot })
    }

    pub(super) fn carry_out(self, host: &HostContext, state: Option<State>) -> anyhow::Result<()> {
        let trust = retained_release::accepted_by(&host.layout, &self.target)?;
        let receipt = Some(Draft::new(
            &OperationFacts {
                operation: if host.detached { Operation::Revert } else { Operation::Rollback },
                from: Some(&self.before.current),
                to: &self.target,
                signers: self.release.signers(),
                trust: &trust,
            },
            &host.layout,
            host.console,
        ));
        let tries = Tries::counting(&host.layout)?;
        let new_tags = self.images.iter().filter(|image| image.action != plan::Action::Keep);
        let transition = Transition {
            kind: Kind::Rollback,
            steps: Vec::new(),
            after: self.before.followed_by(self.target, self.settings.update.keep, tries.as_ref()),
            before: Some(self.before),
            blobs: Vec::new(),
            files: Vec::new(),
            tags: new_tags.map(|image| image.tag.clone()).collect(),
            settings: self.settings.change.clone(),
            asides: database::asides(&host.layout)?,
            tries,
            may_restore_snapshot: self.may_restore_snapshot,
            schema_before: None,
            unattended: host.detached,
            receipt,
        };
        let work = Work {
            host,
            release: self.release.get(),
            bundle_source: None,
            images: &self.images,
            settings: self.settings.text(),
            ports: self.settings.ports,
            update: self.settings.update,
        };
        steps::run(&work, transition, state)
    }
}

/// A key that signed the release may have been revoked since. That takes no way back away, and neither does a pinned root that
/// cannot be read: the release goes by the one that accepted it.
fn warn_if_refused_today(host: &HostContext, target: &InstalledRelease) {
    let warn = |warning: &dyn fmt::Display| host.console.warn(warning);
    match refused_today(&host.layout, target) {
        Ok(Some(refused)) => warn(&refused),
        Ok(None) => {}
        Err(error) => {
            let id = target.id();
            warn(&format_args!("whether {id} would be let in today is not known, and does not matter here: {error:#}"));
        }
    }
}

fn refused_today(layout: &Layout, target: &InstalledRelease) -> anyhow::Result<Option<RefusedRelease>> {
    let Some(today) = trust::pinned(layout)? else { return Ok(None) };
    let reason = retained_release::refused_today(layout, target, &today)?;
    Ok(reason.map(|reason| RefusedRelease::new(&target.id(), reason)))
}

impl fmt::Display for Return {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.before.current.id(), self.target.id());
        writeln!(f, "go back from {from} to {to}, which is on this host")?;
        writeln!(f, "  stop     the runtime, for about a second; tenants keep running")?;
        if !database::is_lossless(&self.before.current, &self.target) {
            writeln!(f, "  database the one from before the update; what was written since is set aside in a file")?;
        }
        if self.settings.change.is_some() {
            writeln!(f, "  write    config.toml: what {from} brought goes")?;
        }
        Ok(())
    }
}
