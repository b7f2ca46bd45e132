//! The settings that the host will have, decided before anything is done.

use super::PlanError;
use crate::content::{Decoder, Expected};
use crate::durable;
use crate::host_context::HostContext;
use crate::layout::Layout;
use crate::plan::policy;
use crate::retained_release;
use crate::retained_release::unfold::UnfoldError;
use crate::settings::{self, ConflictReason, Conflicts, Merged, Override, Ports, SettingsError, UpdateSettings};
use crate::state::installed::Installed;
use crate::state::journal::SettingsChange;
use crate::store::Store;
use crate::transition::verified_bundle::VerifiedBundle;
use landfall_console::message_with_causes;
use landfall_manifests::{File, Release};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The operator's own settings.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SettingsArgs {
    /// A setting for config.toml, such as api.port=8080; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// A TOML file of settings; --set goes before it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

impl SettingsArgs {
    /// Settings of the command line do not change a `config.toml` that is there already.
    ///
    /// # Errors
    /// [`PlanError::SettingsExist`] if there are any.
    pub(crate) fn check_absent(&self, layout: &Layout) -> Result<(), PlanError> {
        let is_absent = self.set.is_empty() && self.answers.is_none();
        if is_absent { Ok(()) } else { Err(PlanError::SettingsExist(layout.settings())) }
    }
}

/// The settings that the host will have.
pub(crate) struct EffectiveSettings {
    pub(crate) ports: Ports,
    pub(crate) update: UpdateSettings,
    /// How the operator's own text changes, if it does.
    pub(crate) change: Option<SettingsChange>,
    /// What becomes different by the merge with a new release's.
    pub(crate) merged: Merged,
}

/// The settings that the host will have: its own if it has some, otherwise the release's with the operator's.
pub(crate) fn choose(
    verified: &VerifiedBundle,
    host: &HostContext,
    args: &SettingsArgs,
    before: Option<&Installed>,
) -> Result<EffectiveSettings, PlanError> {
    let defaults = defaults(verified)?;
    if let Some(before) = before {
        args.check_absent(&host.layout)?;
        let running = retained_release::manifest(&host.layout, &before.current);
        // Without the defaults of the release that runs, those of the next one are the base: every difference is the
        // operator's.
        let base =
            running.map_or_else(|_| Ok(defaults.clone()), |running| stored_defaults(&host.layout, running.get()))?;
        return EffectiveSettings::merge(&host.layout, &base, &defaults, ConflictPolicy::Refuse);
    }
    if let Some(text) = settings::file::read(&host.layout)? {
        args.check_absent(&host.layout)?;
        return EffectiveSettings::unmerged(text, &defaults);
    }
    let mut overrides = overrides(args)?;
    let engine = &host.environment.engine;
    if !engine.is_default() {
        // The first of them: an answer or `--set` comes later and overrides it.
        overrides.insert(0, Override::new("engine", "socket", engine.to_string()));
    }
    EffectiveSettings::unmerged(settings::merge(&defaults, &overrides)?, &defaults)
}

impl EffectiveSettings {
    fn new(merged: Merged, defaults: &str, change: Option<SettingsChange>) -> Result<Self, PlanError> {
        let ports = settings::ports(&merged.text, defaults)?;
        let update = settings::update(&merged.text, defaults)?;
        Ok(Self { ports, update, change, merged })
    }

    fn unmerged(text: String, defaults: &str) -> Result<Self, PlanError> {
        Self::new(Merged { text, changes: Vec::new() }, defaults, None)
    }

    /// The text of `config.toml`.
    pub(crate) fn text(&self) -> &str {
        &self.merged.text
    }

    /// The operator's settings, merged with what changes from the defaults of the current release (`base`) to those of the next one.
    pub(crate) fn merge(
        layout: &Layout,
        base: &str,
        defaults: &str,
        policy: ConflictPolicy,
    ) -> Result<Self, PlanError> {
        let Some(mine) = settings::file::read(layout)? else { return Self::unmerged(defaults.to_owned(), defaults) };
        let (merged, is_forced) = match settings::three_way(base, &mine, defaults) {
            Err(SettingsError::Conflicts(conflicts)) if policy.allows_forced_merge(&conflicts) => {
                (settings::forced_merge(base, &mine, defaults, &conflicts), true)
            }
            Err(_) if policy == ConflictPolicy::Overrule => return Self::defaults_only(&mine, defaults),
            other => (other?, false),
        };
        match Self::replacing(&mine, merged, defaults, is_forced) {
            Err(_) if policy == ConflictPolicy::Overrule => Self::defaults_only(&mine, defaults),
            other => other,
        }
    }

    /// The release's defaults, in place of a file that cannot be merged at all.
    fn defaults_only(mine: &str, defaults: &str) -> Result<Self, PlanError> {
        Self::replacing(mine, Merged { text: defaults.to_owned(), changes: Vec::new() }, defaults, true)
    }

    fn replacing(mine: &str, merged: Merged, defaults: &str, is_forced: bool) -> Result<Self, PlanError> {
        let (before, after) = (mine.to_owned(), merged.text.clone());
        let change = (after != before).then_some(SettingsChange { before, after, is_forced });
        Self::new(merged, defaults, change)
    }
}

/// What to do about a setting that both the operator and a release changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConflictPolicy {
    /// Show it and begin nothing.
    Refuse,
    /// The same, unless the release does not have the setting at all: in a rollback there is nothing to decide about that.
    DropRemoved,
    /// Use the release's value: nobody is there to ask.
    Overrule,
}

impl ConflictPolicy {
    fn allows_forced_merge(self, conflicts: &Conflicts) -> bool {
        match self {
            Self::Refuse => false,
            Self::DropRemoved => conflicts.0.iter().all(|conflict| conflict.why == ConflictReason::Dropped),
            Self::Overrule => true,
        }
    }
}

/// The default settings of a release that is on this host, read from the store and compared with its manifest.
pub(crate) fn stored_defaults(layout: &Layout, release: &Release) -> Result<String, PlanError> {
    let incomplete = || policy::Refusal::Incomplete(policy::SETTINGS.to_owned());
    let file = release.files.iter().find(|file| file.path.as_str() == policy::SETTINGS).ok_or_else(incomplete)?;
    let stored = Store::new(layout).open(&file.blob)?;
    text_of(file, stored, &layout.blob(&file.blob))
}

/// The text of the file whose blob is `stored` at `place`, compared with its size and digest in the manifest.
fn text_of(file: &File, stored: impl Read + Send + 'static, place: &Path) -> Result<String, PlanError> {
    let expected = Expected { encoding: file.encoding, digest: file.digest, size: file.size };
    let mut bytes = Vec::new();
    Decoder::new(stored, expected)
        .and_then(|decoder| decoder.take(settings::MAX_BYTES).read_to_end(&mut bytes))
        .map_err(|error| UnfoldError::of_file(file, place, error.into()))?;
    String::from_utf8(bytes).map_err(|_| PlanError::Defaults("it is not text".to_owned()))
}

fn overrides(args: &SettingsArgs) -> Result<Vec<Override>, PlanError> {
    let mut overrides = Vec::new();
    if let Some(path) = &args.answers {
        let bytes = durable::read(path, settings::MAX_BYTES)
            .map_err(|error| PlanError::Answers(message_with_causes(&error)))?;
        let bytes = bytes.ok_or_else(|| PlanError::Answers(format!("there is no file {}", path.display())))?;
        let text =
            String::from_utf8(bytes).map_err(|_| PlanError::Answers(format!("{} is not text", path.display())))?;
        overrides.extend(Override::parse_answers(&text)?);
    }
    for text in &args.set {
        overrides.push(Override::parse(text)?);
    }
    Ok(overrides)
}

/// The release's own `config.toml`, read from its blob in the bundle and compared with its digests. It is small, and needed before the
/// bundle is staged: it says which ports have to be free. The file that is installed comes from the store all the same.
fn defaults(verified: &VerifiedBundle) -> Result<String, PlanError> {
    let release = verified.bundle.release();
    let file = release.files.iter().find(|file| file.path.as_str() == policy::SETTINGS);
    let entry = file.and_then(|file| {
        let stored = |entry: &&landfall_manifests::Entry| entry.is_blob && entry.digest == file.blob;
        Some((file, verified.bundle.entries().iter().find(stored)?))
    });
    // Both are read into memory: that they are signed bounds no size.
    let Some((file, entry)) = entry.filter(|(file, entry)| file.size.max(entry.size) <= settings::MAX_BYTES) else {
        return Err(policy::Refusal::Incomplete(policy::SETTINGS.to_owned()).into());
    };
    let stored = io::Cursor::new(verified.entry(entry)?);
    let text = text_of(file, stored, verified.media.path())?;
    settings::ports(&text, &text).map_err(|error| PlanError::Defaults(message_with_causes(&error)))?;
    Ok(text)
}
