//! Going back to a release that is on this host, because a person asks for it, or by recovery.

use super::effective_settings::EffectiveSettings;
use super::{PlanError, host_facts};
use crate::database;
use crate::host_context::{Attendance, HostContext};
use crate::plan::policy::Refusal;
use crate::plan::{self, PlannedImage};
use crate::receipts::{Draft, Operation, OperationFacts};
use crate::retained_release::{self, RefusedRelease};
use crate::retention;
use crate::state::installed::{Installed, InstalledRelease};
use crate::state::journal::{Kind, Transition};
use crate::state::tries::Tries;
use crate::state::{State, StateError};
use crate::steps::{self, TransitionError, Work};
use crate::trust;
use landfall_console::message_with_causes;
use landfall_keys::Verified;
use landfall_manifests::Release;
use std::fmt;

/// A rollback that is decided and not begun.
pub(crate) struct RollbackPlan {
    before: Installed,
    target: InstalledRelease,
    release: Verified<Release>,
    settings: EffectiveSettings,
    images: Vec<PlannedImage>,
    may_restore_snapshot: bool,
}

impl RollbackPlan {
    /// Plans to go back from what is installed to `target`, which is on the host. Nothing is changed.
    ///
    /// # Errors
    /// The database cannot go back without loss and `may_restore_snapshot` is not set, the target's manifest is damaged, or its
    /// settings do not take a value of the operator's; where somebody waits, also if there is no engine.
    pub(crate) fn new(
        host: &HostContext,
        before: Installed,
        target: InstalledRelease,
        may_restore_snapshot: bool,
    ) -> Result<Self, PlanError> {
        // Refused before anything else is looked at: losing rows is for a person to decide, and no later fact changes
        // that.
        if !database::is_lossless(&before.current, &target) && !may_restore_snapshot {
            return Err(Refusal::Irreversible { from: before.current.id(), to: target.id() }.into());
        }
        let layout = &host.layout;
        // The rest of its folder is verified, and made again where it is damaged, as a step.
        let release = retained_release::manifest(layout, &target)?;
        warn_if_refused_today(host, &target);
        let settings = EffectiveSettings::going_back(host, &before.current, release.get())?;
        let (engine, about) = host_facts::engine(host);
        if let Some(Err(reason)) = about.filter(|_| !host.attendance.tolerates_missing_images()) {
            return Err(PlanError::NoEngine(reason));
        }
        // Tenants of that release may be started again: an image that was removed from the engine since is loaded from
        // the store.
        let images = plan::images(release.get(), &before.installation, engine.as_ref());
        Ok(Self { before, target, release, settings, images, may_restore_snapshot })
    }

    /// Carries the plan out.
    pub(crate) fn carry_out(self, host: &HostContext, state: Option<State>) -> Result<(), TransitionError> {
        let is_unattended = host.attendance == Attendance::Unattended;
        let receipt = Draft::new(
            &OperationFacts {
                operation: if is_unattended { Operation::Revert } else { Operation::Rollback },
                product: &self.target.product,
                from: Some(&self.before.current),
                to: Some(&self.target),
                signers: self.release.signers(),
                trust: &self.target.trust,
            },
            &host.layout,
            host.console,
        );
        let tries = Tries::counting(&host.layout).map_err(StateError::from)?;
        // Only these are removed when it is undone: the engine had the others before.
        let new_tags = self.images.iter().filter(|image| image.action != plan::Action::Keep);
        let (keep, is_counted) = (self.settings.update().keep, tries.is_some());
        let after = retention::installed_after(&self.before, self.target, keep, is_counted);
        let transition = Transition {
            tags: new_tags.map(|image| image.tag.clone()).collect(),
            settings: self.settings.change.clone(),
            asides: database::set_aside(&host.layout).map_err(StateError::from)?,
            tries,
            may_restore_snapshot: self.may_restore_snapshot,
            unattended: is_unattended,
            ..Transition::new(Kind::Rollback, Some(self.before), after, receipt)
        };
        let work = Work {
            host,
            release: self.release.get(),
            bundle_source: None,
            images: &self.images,
            settings: &self.settings.text,
            ports: self.settings.ports(),
            update: self.settings.update(),
            check_engine: None,
        };
        steps::run(&work, transition, state)
    }
}

/// Warns if a key that signed the release was revoked since. That does not prevent the rollback, and neither does a pinned root
/// that cannot be read: the release is verified by the root that accepted it.
fn warn_if_refused_today(host: &HostContext, target: &InstalledRelease) {
    let id = target.id();
    let unknown = |reason: String| {
        let text = "would be accepted today is not known, and does not matter here";
        host.console.warn(format_args!("whether {id} {text}: {reason}"));
    };
    let today = match trust::pinned(&host.layout) {
        Ok(Some(today)) => today,
        Ok(None) => return,
        Err(error) => return unknown(message_with_causes(&error)),
    };
    match retained_release::refused_today(&host.layout, target, &today) {
        Ok(Some(reason)) => host.console.warn(RefusedRelease::new(&id, reason)),
        Ok(None) => {}
        Err(error) => unknown(message_with_causes(&error)),
    }
}

impl fmt::Display for RollbackPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.before.current.id(), self.target.id());
        writeln!(f, "go back from {from} to {to}, which is on this host")?;
        writeln!(f, "  stop     the runtime, for about a second; tenants keep running")?;
        if !database::is_lossless(&self.before.current, &self.target) {
            writeln!(f, "  database the one from before the update; the later one is set aside in a file")?;
        }
        write!(f, "{}", self.settings.changes)?;
        Ok(())
    }
}
