//! The journal: what is being done to the host, written before it is done.
//!
//! It exists exactly while an operation is under way. Its first version already names everything that undoing needs; afterwards only
//! the list of steps grows. Recovery settles it without the bundle: a transition whose last step is [`StepName::Commit`] is finished,
//! any other is undone; an uninstallation and an import of a trust root are finished.

use crate::engine::InstallationId;
use crate::layout::Layout;
use crate::packages::AddedPackage;
use crate::receipts::Draft;
use crate::record::{RecordError, Schema, read_json};
use crate::state::installed::{HostEnvironment, Installed, InstalledRelease};
use crate::state::tries::Tries;
use landfall_host::RelativePath;
use landfall_keys::TrustRoot;
use landfall_manifests::Digest;
use serde::{Deserialize, Serialize};

/// An operation under way, `journal.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// A field that this program does not know may name what has to be undone: such a journal is not read.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Journal {
    /// The number of the record's form.
    pub(crate) schema: Schema<4>,
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
    /// Another trust root is being pinned.
    Trust(Box<TrustImport>),
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
    /// Files outside the release that were not there before. Undoing removes them; the id only where nothing was installed.
    pub(crate) files: Vec<RelativePath>,
    /// Packages that the host did not have before, in the order in which they are installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) packages: Vec<AddedPackage>,
    /// Tags that the engine did not have before.
    pub(crate) tags: Vec<String>,
    /// How the operator's settings change, if an automatic revert has to change them.
    pub(crate) settings: Option<SettingsChange>,
    /// The databases that were set aside earlier, by file name.
    pub(crate) asides: Vec<String>,
    /// The counter of the release that is left, if that is not marked good.
    pub(crate) tries: Option<Tries>,
    /// Whether going back to an older database may lose rows (`--restore-snapshot`).
    pub(crate) may_restore_snapshot: bool,
    /// The schema of the database, found out by the step [`StepName::Snapshot`]: where no release ran, or where it was not the one
    /// of the release that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schema_before: Option<u32>,
    /// Recovery began it, because the release that is left ended again and again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unattended: bool,
    /// The receipt that the commit signs.
    pub(crate) receipt: Draft,
}

/// Why another release becomes the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The first release is installed.
    Install,
    /// The release of a bundle replaces another one.
    Update,
    /// A release that is on the host replaces the one after it.
    Rollback,
}

/// The operator's `config.toml` before and after an automatic revert to a release that does not take some of its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SettingsChange {
    /// In hexadecimal digits: it need not be text.
    #[serde(with = "hex_digits")]
    pub(crate) before: Vec<u8>,
    pub(crate) after: String,
}

mod hex_digits {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// An uninstallation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Uninstallation {
    /// Whether settings, database and volumes are removed as well.
    pub(crate) purge: bool,
    /// The unit files to remove.
    pub(crate) units: Vec<RelativePath>,
    /// The tags of the images to remove.
    pub(crate) tags: Vec<String>,
    /// The packages that came with Landfall, where they are to go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) packages: Vec<AddedPackage>,
    /// Whose tenants' objects the engine is rid of; `None` where it is not known any more.
    pub(crate) installation: Option<InstallationId>,
    /// The folders that the installation created.
    pub(crate) created: Vec<RelativePath>,
    /// The receipt that is signed at the end; `None` where it would be purged, or nothing is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) receipt: Option<Draft>,
}

/// An import of a trust root on a host with a release. It was verified before: recovery finishes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TrustImport {
    pub(crate) root: TrustRoot,
    /// The receipt that is signed once it is pinned.
    pub(crate) receipt: Draft,
}

/// The steps in their order. Each names what it sets and what of the host it touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StepName {
    /// The bundle is verified whole, and its blobs are in the store. Touches the store alone. Fails where the bundle is damaged.
    Stage,
    /// The packages of the engine are installed, and the engine answers. Touches the host's package manager.
    Packages,
    /// The engine has the images under the release's tags. Touches the engine alone.
    Load,
    /// The release's folder exists and is whole. Touches the releases' folder, and in a first installation the recovery program.
    Unfold,
    /// Settings, trust root and token exist. Touches `etc/landfall`, and only files that did not exist; and the installation's
    /// id, also where it is another than the record's.
    Configure,
    /// The migrations were rehearsed on a copy of the database. Touches nothing; sets [`Transition::schema_before`].
    Snapshot,
    /// Settings, counter of starts, database, units and `current` are those of the target; the services are started. The first step
    /// that touches what runs.
    Switch,
    /// The service has been healthy for long enough, and passed its self-check. Touches nothing.
    Probe,
    /// The transition is committed. Touches the records; removes what no kept release needs. Never undone.
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
    /// The name in messages and reports.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Transition(transition) => transition.kind.name(),
            Self::Uninstall(_) => "uninstall",
            Self::Trust(_) => "trust import",
        }
    }
}

impl Kind {
    /// The name in messages and reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Update => "update",
            Self::Rollback => "rollback",
        }
    }
}

impl Transition {
    /// A transition that has not begun, without anything new on the host. Its plan fills that in.
    pub(crate) fn new(kind: Kind, before: Option<Installed>, after: Installed, receipt: Draft) -> Self {
        Self {
            kind,
            steps: Vec::new(),
            before,
            after,
            blobs: Vec::new(),
            files: Vec::new(),
            packages: Vec::new(),
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

    /// Whether the transition is committed, so that recovery finishes it instead of undoing it.
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

    /// Whether this transition creates the target's folder: a release that is kept has one already.
    pub(crate) fn brings_folder(&self) -> bool {
        let target = self.target().id();
        !self.before.iter().flat_map(Installed::releases).any(|release| release.id() == target)
    }

    /// The folders outside the releases' own that this transition creates.
    pub(crate) fn created(&self) -> Vec<RelativePath> {
        let before = self.before.as_ref().map_or(&[][..], |before| &before.created);
        self.after.created.iter().filter(|folder| !before.contains(folder)).cloned().collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::fixture::environment;

    #[test]
    fn a_file_that_is_no_text_comes_back_byte_by_byte() {
        let change = SettingsChange { before: b"port = \xff\n".to_vec(), after: String::new() };
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(serde_json::from_str::<SettingsChange>(&text).unwrap(), change);
        assert!(serde_json::from_str::<SettingsChange>(r#"{"before": "no digits", "after": ""}"#).is_err());
    }

    #[test]
    fn an_unknown_operation_or_field_is_an_error_and_not_ignored() {
        let uninstall = Uninstallation {
            purge: true,
            units: Vec::new(),
            tags: vec!["a".into()],
            packages: Vec::new(),
            installation: Some(InstallationId::from_random([1; 16])),
            created: vec![RelativePath::known("opt")],
            receipt: None,
        };
        let journal = Journal::new(environment(), Operation::Uninstall(uninstall));
        let text = serde_json::to_string(&journal).unwrap();
        assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), journal);
        for changed in
            [text.replace("uninstall", "update"), text.replace("purge", "wipe"), text.replace("\"opt\"", "\"../opt\"")]
        {
            assert!(serde_json::from_str::<Journal>(&changed).is_err(), "{changed}");
        }
    }
}
