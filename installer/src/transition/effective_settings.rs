//! The settings that the host will have, decided before anything is done.

use super::PlanError;
use crate::content::{Decoder, Expected};
use crate::durable;
use crate::host_context::HostContext;
use crate::layout::Layout;
use crate::plan::policy;
use crate::retained_release;
use crate::retained_release::unfold::UnfoldError;
use crate::settings::changes::SettingsChanges;
use crate::settings::overrides::{self, Override};
use crate::settings::usable::usable;
use crate::settings::{self, Layers, Ports, SettingsError, SettingsFileError};
use crate::state::installed::{Installed, InstalledRelease};
use crate::state::journal::SettingsChange;
use crate::store::Store;
use crate::transition::verified_bundle::VerifiedBundle;
use landfall_console::message_with_causes;
use landfall_host::settings::{PoolRange, UpdateSettings};
use landfall_manifests::{File, Release};
use std::io::{self, Read as _};
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
    /// The operator's over the release's.
    pub(crate) layers: Layers,
    /// The operator's text, which a first installation writes.
    pub(crate) text: String,
    /// What becomes different.
    pub(crate) changes: SettingsChanges,
    /// How an automatic revert changes the operator's text, if it has to.
    pub(crate) change: Option<SettingsChange>,
}

/// The settings that the host will have: the operator's over those of the release of the bundle.
pub(crate) fn choose(
    verified: &VerifiedBundle,
    host: &HostContext,
    args: &SettingsArgs,
    before: Option<&Installed>,
) -> Result<EffectiveSettings, PlanError> {
    let release = defaults(verified, &host.layout)?;
    let operator = settings::file::operator(&host.layout)?;
    if before.is_some() || operator.is_some() {
        args.check_absent(&host.layout)?;
    }
    let text = match operator {
        Some(text) => text,
        None if before.is_some() => String::new(),
        None => overrides::first(&release, &first_overrides(host, args)?)?,
    };
    // What a release that is damaged had is not known, and nothing is said to change.
    let running = before.and_then(|before| retained_release::manifest(&host.layout, &before.current).ok());
    let running = running.and_then(|running| stored_defaults(&host.layout, running.get()).ok());
    let settings = EffectiveSettings::new(text, &release, running.as_deref())?;
    // Not where a host goes back: that must not fail for it.
    settings::check_canary(&settings.update().canary, verified.bundle.release())?;
    Ok(settings)
}

impl EffectiveSettings {
    fn new(text: String, release: &str, running: Option<&str>) -> Result<Self, PlanError> {
        let layers = Layers::parse(release, &text).map_err(SettingsError::from)?;
        let old = running.and_then(|running| Layers::parse(running, &text).ok());
        let changes = SettingsChanges::between(old.as_ref(), &layers);
        Ok(Self { layers, text, changes, change: None })
    }

    /// The settings under a release that is on this host, which `before` is left for.
    pub(crate) fn going_back(
        host: &HostContext,
        before: &InstalledRelease,
        target: &Release,
    ) -> Result<Self, PlanError> {
        let layout = &host.layout;
        let release = stored_defaults(layout, target)?;
        let running = retained_release::manifest(layout, before).ok();
        let running = running.and_then(|running| stored_defaults(layout, running.get()).ok());
        let operator = settings::file::operator(layout);
        if !host.attendance.may_drop_settings() {
            return Self::new(operator?.unwrap_or_default(), &release, running.as_deref());
        }
        // Nobody is there to correct the file: the host has to run again.
        let (before, usable) = match operator {
            // The release would not start over it.
            Err(SettingsFileError::Text { source, .. }) => (source.into_content(), String::new()),
            other => {
                let text = other.ok().flatten().unwrap_or_default();
                let Some(usable) = usable(&release, &text) else {
                    return Self::new(text, &release, running.as_deref());
                };
                (text.into_bytes(), usable)
            }
        };
        let change = SettingsChange { before, after: usable.clone() };
        Ok(Self { change: Some(change), ..Self::new(usable, &release, running.as_deref())? })
    }

    /// The ports that the release will listen on.
    pub(crate) fn ports(&self) -> Ports {
        self.layers.settings().into()
    }

    /// The tenants' addresses.
    pub(crate) fn pool(&self) -> PoolRange {
        self.layers.settings().pool
    }

    /// How the update goes.
    pub(crate) fn update(&self) -> UpdateSettings {
        self.layers.settings().update.clone()
    }
}

/// The default settings of a release that is on this host, read from the store and compared with its manifest.
fn stored_defaults(layout: &Layout, release: &Release) -> Result<String, PlanError> {
    let incomplete = || policy::Refusal::Incomplete(policy::SETTINGS.to_owned());
    let file = release.files.iter().find(|file| file.path.as_str() == policy::SETTINGS).ok_or_else(incomplete)?;
    text_of(file, Store::new(layout).decoder(&file.content())?, &layout.blob(&file.blob))
}

/// The text of the file whose content comes from `place`, compared with its size and digest in the manifest.
fn text_of(file: &File, content: Decoder, place: &Path) -> Result<String, PlanError> {
    let mut bytes = Vec::new();
    content
        .take(settings::MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| UnfoldError::of_file(file, place, error.into()))?;
    String::from_utf8(bytes).map_err(|_| PlanError::Defaults("it is not text".to_owned()))
}

/// What the command line sets, in the order of precedence: the engine that `--engine` names, the file of answers, `--set`.
fn first_overrides(host: &HostContext, args: &SettingsArgs) -> Result<Vec<Override>, PlanError> {
    let mut overrides = Vec::new();
    let engine = &host.environment.engine;
    if !engine.is_default() {
        overrides.push(Override::new("engine", "socket", engine.to_string()));
    }
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

/// The release's own `config.toml`, read from its blob in the bundle and compared with its digests; where a delta leaves that out, from the
/// store. It is small, and needed before the bundle is staged: it says which ports have to be free. The file that is installed comes from the
/// store all the same.
fn defaults(verified: &VerifiedBundle, layout: &Layout) -> Result<String, PlanError> {
    let release = verified.bundle.release();
    let file = release.files.iter().find(|file| file.path.as_str() == policy::SETTINGS);
    // It is read into memory: that it is signed bounds no size.
    let Some(file) = file.filter(|file| file.size <= settings::MAX_BYTES) else {
        return Err(policy::Refusal::Incomplete(policy::SETTINGS.to_owned()).into());
    };
    let entry = verified.bundle.entries().iter().find(|entry| entry.is_blob && entry.digest == file.blob);
    let text = match entry {
        Some(entry) if entry.size <= settings::MAX_BYTES => {
            let expected = Expected { encoding: Some(file.encoding), digest: file.digest, size: file.size };
            let place = verified.media.path();
            let content = Decoder::new(io::Cursor::new(verified.entry(entry)?), expected);
            text_of(file, content.map_err(|error| UnfoldError::of_file(file, place, error.into()))?, place)?
        }
        Some(_) => return Err(policy::Refusal::Incomplete(policy::SETTINGS.to_owned()).into()),
        None => stored_defaults(layout, release)?,
    };
    Layers::parse(&text, "").map_err(|error| PlanError::Defaults(message_with_causes(&error)))?;
    Ok(text)
}
