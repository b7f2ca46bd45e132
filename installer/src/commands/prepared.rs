//! What `plan` and `install` have in common: everything up to the decision, which changes nothing.

use super::opened::Opened;
use crate::durable;
use crate::engine::{About, Engine, EngineError};
use crate::failure;
use crate::installed::{Installed, read_floor, read_product};
use crate::layout::{FOLDERS, Layout};
use crate::plan::{Observed, ObservedEngine, Plan, SETTINGS};
use crate::policy::{self, Records, Verdict};
use crate::preflight::{self, Problem, Warning};
use crate::settings::{self, Override, Ports};
use crate::site::Site;
use crate::store::Store;
use anyhow::Context as _;
use landfall_console::{Exit, Failure};
use landfall_manifests::{Arch, Digest};
use std::path::PathBuf;

/// The operator's own settings.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SettingsArgs {
    /// A setting for config.toml, such as api.port=8080; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// A TOML file of settings; --set goes before it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

impl SettingsArgs {
    /// What is there already is not changed by settings of the command line.
    pub(super) fn refuse_over(&self, layout: &Layout) -> Result<(), Failure> {
        if self.set.is_empty() && self.answers.is_none() {
            return Ok(());
        }
        let path = layout.settings();
        let message = format!("{} is there from before, and --set and --answers would change it", path.display());
        Err(Failure::new(Exit::Usage, "settings", message).hint("edit the file instead"))
    }
}

/// An installation that is decided and not begun.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    /// The text of `config.toml`.
    pub(super) settings: String,
    pub(super) ports: Ports,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
}

/// Whether the release may come onto this host.
pub(super) fn judge(opened: &Opened, layout: &Layout) -> anyhow::Result<(Verdict, Option<Installed>)> {
    let installed = Installed::read(layout)?;
    let current = installed.as_ref().map(|installed| &installed.current);
    let (product, floor) = (read_product(layout)?, read_floor(layout)?);
    let records = Records { current, product: product.as_ref(), floor, arch: Arch::of_this_program() };
    let verdict = policy::judge(opened.bundle.release(), Digest::of(opened.bundle.manifest()), records)?;
    Ok((verdict, installed))
}

/// Plans the installation and looks whether the host is fit for it.
pub(super) fn prepare(opened: &Opened, site: &Site, args: &SettingsArgs) -> anyhow::Result<Prepared> {
    let (settings, ports) = settings(opened, site, args)?;
    let (engine, about) = engine(site);
    let observed = Observed {
        stored: Store::new(&site.layout).sizes()?,
        missing_folders: missing(&site.layout, FOLDERS.iter().map(|(folder, _)| *folder))?,
        missing_settings: missing(&site.layout, SETTINGS.into_iter())?,
        engine,
        // Where no service is started, nothing listens.
        ports: site.units.as_ref().map(|_| ports),
    };
    let plan = Plan::new(&opened.bundle, &observed);
    let facts = preflight::gather(site, &plan, &opened.bundle.release().id(), about, observed.ports)?;
    let (problems, warnings) = preflight::judge(&plan, &facts);
    Ok(Prepared { plan, settings, ports, problems, warnings })
}

/// What is known about the engine, for the plan and for the verdict on the host.
fn engine(site: &Site) -> (Option<ObservedEngine>, Option<Result<About, String>>) {
    let look = |engine: &dyn Engine| {
        let about = engine.about()?;
        let images = engine.images()?;
        let (takes_partial_archives, data_root) = (about.takes_partial_archives, about.data_root.clone());
        Ok((ObservedEngine { images, takes_partial_archives, data_root }, about))
    };
    match site.engine().and_then(|engine| engine.map(look).transpose()) {
        Ok(Some((observed, about))) => (Some(observed), Some(Ok(about))),
        Ok(None) => (None, None),
        Err(error) => (None, Some(Err(message(error)))),
    }
}

fn message(error: EngineError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

fn missing<'a>(layout: &Layout, paths: impl Iterator<Item = &'a str>) -> anyhow::Result<Vec<String>> {
    let mut missing = Vec::new();
    for path in paths {
        if !durable::exists(&layout.at(path))? {
            missing.push(path.to_owned());
        }
    }
    Ok(missing)
}

/// The settings that the host will have: its own if it has some, otherwise the release's with the operator's.
fn settings(opened: &Opened, site: &Site, args: &SettingsArgs) -> anyhow::Result<(String, Ports)> {
    let defaults = defaults(opened)?;
    let mut overrides = overrides(args)?;
    let path = site.layout.settings();
    if let Some(bytes) = durable::read(&path, settings::MAX_BYTES)? {
        args.refuse_over(&site.layout)?;
        let text = String::from_utf8(bytes).with_context(|| format!("{} is not text", path.display()))?;
        let ports = settings::ports(&text, &defaults)?;
        return Ok((text, ports));
    }
    let engine = &site.surroundings.engine;
    if !engine.is_what_auto_finds() {
        overrides.insert(0, Override::new("engine", "socket", engine.to_string()));
    }
    let text = settings::merge(&defaults, &overrides)?;
    let ports = settings::ports(&text, &defaults)?;
    Ok((text, ports))
}

fn overrides(args: &SettingsArgs) -> anyhow::Result<Vec<Override>> {
    let mut overrides = Vec::new();
    if let Some(path) = &args.answers {
        let usage = |reason: String| Failure::new(Exit::Usage, "answers", reason);
        let bytes =
            durable::read(path, settings::MAX_BYTES).map_err(|error| usage(format!("{error}: {}", error.source)))?;
        let bytes = bytes.ok_or_else(|| usage(format!("there is no file {}", path.display())))?;
        let text = String::from_utf8(bytes).map_err(|_| usage(format!("{} is not text", path.display())))?;
        overrides.extend(Override::parse_answers(&text)?);
    }
    for text in &args.set {
        overrides.push(Override::parse(text)?);
    }
    Ok(overrides)
}

/// The release's own `config.toml`, read from its blob and held against its digests. Small, and needed before the bundle
/// is staged: it says which ports have to be free. What is installed comes from the store all the same.
fn defaults(opened: &Opened) -> anyhow::Result<String> {
    use crate::decode::{Decoder, Expected};
    use std::io::Read as _;
    let release = opened.bundle.release();
    let file = release.files.iter().find(|file| file.path.as_str() == policy::SETTINGS);
    let entry = file.and_then(|file| {
        let stored = |entry: &&landfall_manifests::Entry| entry.is_blob && entry.digest == file.blob;
        Some((file, opened.bundle.entries().iter().find(stored)?))
    });
    let Some((file, entry)) = entry.filter(|(file, entry)| file.size.max(entry.size) <= settings::MAX_BYTES) else {
        return Err(policy::Refusal::Incomplete(policy::SETTINGS.to_owned()).into());
    };
    let stored = std::io::Cursor::new(opened.media.entry(entry)?);
    let expected = Expected { encoding: file.encoding, digest: file.digest, size: file.size };
    let mut text = Vec::new();
    Decoder::new(stored, expected)
        .and_then(|mut decoder| decoder.read_to_end(&mut text))
        .map_err(|error| failure::of_file(error, file, opened.media.path()))?;
    let text = String::from_utf8(text).map_err(|_| failure::of_defaults("it is not text"))?;
    settings::ports(&text, &text)
        .map_err(|error| failure::of_defaults(format_args!("{:#}", anyhow::Error::from(error))))?;
    Ok(text)
}
