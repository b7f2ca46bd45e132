//! The journal: what is being done to the host, written before it is done.
//!
//! It is there exactly while an operation is under way. It names everything that undoing needs from its first version on;
//! afterwards only the list of steps grows. Whoever finds it settles it without the bundle: a transition whose last step is
//! [`StepName::Commit`] is finished, any other is undone; an uninstallation is finished.

use crate::layout::Layout;
use crate::receipts::Draft;
use crate::record::{RecordError, Schema, read_json};
use crate::state::installed::{HostEnvironment, Installed, InstalledRelease};
use crate::state::tries::Tries;
use landfall_manifests::Digest;
use serde::{Deserialize, Serialize};

/// An operation under way, `journal.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Journal {
    /// The number of the record's form.
    pub(crate) schema: Schema<1>,
    pub(crate) host: HostEnvironment,
    pub(crate) operation: Operation,
}

/// What is being done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Operation {
    /// Another release becomes the current one.
    Transition(Box<Transition>),
    /// Everything is being taken away.
    Uninstall(Uninstallation),
}

/// From one release to another: first installation, update and rollback are the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Transition {
    pub(crate) kind: Kind,
    /// The steps that have begun, in order. The last one may have done anything between nothing and all.
    pub(crate) steps: Vec<StepName>,
    /// What `installed.json` holds; `None` where nothing is installed.
    pub(crate) before: Option<Installed>,
    /// What `installed.json` will hold.
    pub(crate) after: Installed,
    /// Blobs that the store did not have before.
    pub(crate) blobs: Vec<Digest>,
    /// Files outside the release that were not there before, relative to the root.
    pub(crate) files: Vec<String>,
    /// Tags that the engine did not have before.
    pub(crate) tags: Vec<String>,
    /// How the operator's settings change, if they do.
    pub(crate) settings: Option<SettingsChange>,
    /// The databases that were set aside before, by name.
    pub(crate) asides: Vec<String>,
    /// The counter of the release that is left, if it has not proven itself.
    pub(crate) tries: Option<Tries>,
    /// Whether going back to an older database may lose rows (`--restore-snapshot`).
    pub(crate) may_restore_snapshot: bool,
    /// The schema of the database, found out by the step [`StepName::Snapshot`]: where no release ran, or where it was not the one
    /// of the release that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schema_before: Option<u32>,
    /// Nobody asked for it: the release that is left ended again and again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unattended: bool,
    /// The receipt that the commit signs.
    pub(crate) receipt: Draft,
}

/// Why another release becomes the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The first release comes in.
    Install,
    /// A bundle comes in over a release.
    Update,
    /// A kept release comes back.
    Rollback,
}

/// The text of `config.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SettingsChange {
    pub(crate) before: String,
    pub(crate) after: String,
    /// Some of the operator's settings are not in it any longer: the text from before stays beside it.
    pub(crate) gives_way: bool,
}

/// An uninstallation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Uninstallation {
    /// Whether settings, database and volumes go too.
    pub(crate) purge: bool,
    /// The unit files that go, relative to the root.
    pub(crate) units: Vec<String>,
    /// The tags of the images that go.
    pub(crate) tags: Vec<String>,
    /// Folders that were not there before the installation.
    pub(crate) created: Vec<String>,
}

/// The steps that change something, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StepName {
    /// Blobs into the store.
    Stage,
    /// Images into the engine.
    Load,
    /// The release's folder.
    Unfold,
    /// Settings, trust root, token.
    Configure,
    /// The new program has tried its migrations on a copy of the database.
    Snapshot,
    /// Units, links, `current`; the service starts.
    Switch,
    /// The service is healthy.
    Probe,
    /// The transition counts.
    Commit,
}

impl Journal {
    pub(crate) fn new(host: HostEnvironment, operation: Operation) -> Self {
        Self { schema: Schema, host, operation }
    }

    /// Reads the journal of an operation that is under way or was interrupted.
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, RecordError> {
        read_json(&layout.journal())
    }
}

impl Operation {
    /// For messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Transition(transition) => transition.kind.name(),
            Self::Uninstall(_) => "uninstall",
        }
    }
}

impl Kind {
    /// For messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Update => "update",
            Self::Rollback => "rollback",
        }
    }
}

impl Transition {
    /// A transition that has not begun and brings nothing yet. Its plan fills in what it brings.
    pub(crate) fn new(kind: Kind, before: Option<Installed>, after: Installed, receipt: Draft) -> Self {
        Self {
            kind,
            steps: Vec::new(),
            before,
            after,
            blobs: Vec::new(),
            files: Vec::new(),
            tags: Vec::new(),
            settings: None,
            asides: Vec::new(),
            tries: None,
            may_restore_snapshot: false,
            schema_before: None,
            unattended: false,
            receipt,
        }
    }

    /// Whether the transition counts, so that recovery finishes it rather than taking it back.
    pub(crate) fn is_committed(&self) -> bool {
        self.steps.last() == Some(&StepName::Commit)
    }

    /// Whether the step has begun.
    pub(crate) fn has_begun(&self, step: StepName) -> bool {
        self.steps.contains(&step)
    }

    /// The release that becomes the current one.
    pub(crate) fn target(&self) -> &InstalledRelease {
        &self.after.current
    }

    /// The release that is the current one until then.
    pub(crate) fn source(&self) -> Option<&InstalledRelease> {
        self.before.as_ref().map(|before| &before.current)
    }

    /// Whether the target's folder comes with this transition. A release that is kept has it already.
    pub(crate) fn brings_folder(&self) -> bool {
        let target = self.target().id();
        !self.before.iter().flat_map(Installed::releases).any(|release| release.id() == target)
    }

    /// Folders outside the releases that came with this transition.
    pub(crate) fn created(&self) -> Vec<String> {
        let before = self.before.as_ref().map_or(&[][..], |before| &before.created);
        self.after.created.iter().filter(|folder| !before.contains(folder)).cloned().collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::engine::EngineAddress;

    #[test]
    fn an_unknown_operation_or_field_is_an_error_and_not_ignored() {
        let host = HostEnvironment { engine: EngineAddress::None, systemd: false };
        let uninstall =
            Uninstallation { purge: true, units: Vec::new(), tags: vec!["a".into()], created: vec!["opt".into()] };
        let journal = Journal::new(host, Operation::Uninstall(uninstall));
        let text = serde_json::to_string(&journal).unwrap();
        assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), journal);
        for changed in [text.replace("uninstall", "update"), text.replace("purge", "wipe")] {
            assert!(serde_json::from_str::<Journal>(&changed).is_err(), "{changed}");
        }
    }
}
