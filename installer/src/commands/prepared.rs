//! What `plan`, `install` and `update` have in common: everything up to the decision, which changes nothing.

use super::opened::Opened;
use crate::database;
use crate::durable;
use crate::engine::{About, Engine, EngineError};
use crate::failure;
use crate::installed::{Installed, InstalledRelease, read_floor, read_product};
use crate::journal::{Kind, SettingsChange, Transition};
use crate::kept;
use crate::layout::{FOLDERS, Layout};
use crate::plan::{Circumstances, Observed, ObservedEngine, Plan, SETTINGS};
use crate::policy::{self, Records, Verdict};
use crate::preflight::{self, Problem, Warning};
use crate::retention;
use crate::settings::{self, Merged, Override, Ports, UpdateSettings};
use crate::site::Site;
use crate::state::State;
use crate::steps::{self, Delivery, Work};
use crate::store::Store;
use anyhow::Context as _;
use landfall_console::{Console, Exit, Failure};
use landfall_manifests::{Arch, Digest};
use std::fmt::Display;
use std::path::PathBuf;

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

/// A transition that is decided and not begun.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) settings: ChosenSettings,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
}

/// The settings that the host will have.
pub(super) struct ChosenSettings {
    pub(super) ports: Ports,
    pub(super) update: UpdateSettings,
    /// How the operator's own text changes, if it does.
    pub(super) change: Option<SettingsChange>,
    /// What becomes different by the merge with a new release's.
    pub(super) merged: Merged,
}

/// Whether the release may come onto this host.
pub(super) fn judge(opened: &Opened, layout: &Layout) -> anyhow::Result<(Verdict, Option<Installed>)> {
    let installed = Installed::read(layout)?;
    let (product, floor) = (read_product(layout)?, read_floor(layout)?);
    let records =
        Records { installed: installed.as_ref(), product: product.as_ref(), floor, arch: Arch::of_this_program() };
    let verdict = policy::judge(opened.bundle.release(), Digest::of(opened.bundle.manifest()), records)?;
    Ok((verdict, installed))
}

/// Plans the transition and looks whether the host is fit for it.
pub(super) fn prepare(
    opened: &Opened,
    site: &Site,
    args: &SettingsArgs,
    before: Option<&Installed>,
) -> anyhow::Result<Prepared> {
    let settings = settings(opened, site, args, before)?;
    let (engine, about) = engine(site);
    let observed = Observed {
        stored: Store::new(&site.layout).sizes()?,
        missing_folders: missing(&site.layout, FOLDERS.iter().map(|(folder, _)| *folder))?,
        missing_settings: missing(&site.layout, SETTINGS.into_iter())?,
        engine,
        // Where no service is started, nothing listens; and a service that runs has its ports already.
        ports: site.units.as_ref().filter(|_| before.is_none()).map(|_| settings.ports),
    };
    let plan = match before {
        None => Plan::new(&opened.bundle, &observed),
        Some(before) => plan_update(opened, site, &settings, before, &observed)?,
    };
    let facts = preflight::gather(site, &plan, &opened.bundle.release().id(), about, before, observed.ports)?;
    let (problems, mut warnings) = preflight::judge(&plan, &facts);
    if let Some(before) = before
        && let Err(error) = kept::verify(&site.layout, &before.current, &opened.trust, site.console)
    {
        warnings.push(Warning::NoWayBack(format!("{:#}", anyhow::Error::from(error))));
    }
    Ok(Prepared { plan, settings, problems, warnings })
}

impl Prepared {
    /// Says what the operator should know, and where a person can be asked, asks. They see the plan first.
    pub(super) fn go_ahead(&self, yes: bool, console: Console) -> anyhow::Result<()> {
        self.warnings.iter().for_each(|warning| console.warn(warning));
        if !self.problems.is_empty() {
            return Err(failure::unfit(&self.problems).into());
        }
        confirm(&self.plan, yes, console)
    }

    /// Carries the plan out.
    pub(super) fn carry_out(
        &self,
        opened: &Opened,
        site: &Site,
        before: Option<Installed>,
        state: Option<State>,
    ) -> anyhow::Result<()> {
        let work = Work {
            site,
            release: opened.bundle.release(),
            delivery: Some(Delivery { media: &opened.media, bundle: &opened.bundle }),
            images: &self.plan.images,
            trust: &opened.trust,
            settings: self.settings.text(),
            ports: self.settings.ports,
            update: self.settings.update,
        };
        steps::run(&work, self.transition(opened, site, before), state)
    }

    fn transition(&self, opened: &Opened, site: &Site, before: Option<Installed>) -> Transition {
        let (plan, manifest) = (&self.plan, Digest::of(opened.bundle.manifest()));
        let next = InstalledRelease::new(opened.bundle.release(), manifest, plan.units.clone(), plan.tags());
        let (kind, mut after) = match &before {
            Some(before) => (Kind::Update, before.followed_by(next, self.settings.update.keep)),
            None => (
                Kind::Install,
                Installed {
                    schema: 1,
                    current: next,
                    kept: Vec::new(),
                    host: site.surroundings.clone(),
                    created: Vec::new(),
                },
            ),
        };
        after.created.extend(plan.folders.iter().cloned());
        Transition {
            kind,
            steps: Vec::new(),
            before,
            after,
            blobs: plan.new_blobs.clone(),
            files: plan.settings.clone(),
            tags: plan.new_tags(),
            settings: self.settings.change.clone(),
            may_restore_snapshot: false,
        }
    }
}

/// Where a person can be asked, they see first what is going to happen.
pub(super) fn confirm(plan: &impl Display, yes: bool, console: Console) -> anyhow::Result<()> {
    if yes || !console.interactive() {
        return Ok(());
    }
    console.warn(format_args!("this is going to happen:\n{plan}"));
    let answer = console.ask("Go ahead? [y/N]")?.unwrap_or_default().to_lowercase();
    if ["y", "yes"].contains(&answer.as_str()) {
        return Ok(());
    }
    let failure = Failure::new(Exit::Usage, "declined", "nothing was changed: it was not confirmed");
    Err(failure.hint("answer y, or give --yes").into())
}

fn plan_update(
    opened: &Opened,
    site: &Site,
    settings: &ChosenSettings,
    before: &Installed,
    observed: &Observed,
) -> anyhow::Result<Plan> {
    let (layout, bundle) = (&site.layout, &opened.bundle);
    let old = kept::manifest(layout, &before.current, &opened.trust)?;
    let next = InstalledRelease::new(bundle.release(), Digest::of(bundle.manifest()), Vec::new(), Vec::new());
    let after = before.followed_by(next, settings.update.keep);
    let around = Circumstances {
        staged: &Store::new(layout).staged_sizes()?,
        database: database::size(layout)?,
        settings: Ok(&settings.merged),
        patience: site.units.as_ref().map(|_| settings.update.patience),
        collects: retention::foresee(site, before, &after, bundle.release())?.into(),
    };
    Ok(Plan::update(bundle, observed, old.get(), &around))
}

/// What is known about the engine, for the plan and for the verdict on the host.
pub(super) fn engine(site: &Site) -> (Option<ObservedEngine>, Option<Result<About, String>>) {
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
fn settings(
    opened: &Opened,
    site: &Site,
    args: &SettingsArgs,
    before: Option<&Installed>,
) -> anyhow::Result<ChosenSettings> {
    let defaults = defaults(opened)?;
    if let Some(before) = before {
        args.refuse_over(&site.layout)?;
        return ChosenSettings::merge(site, &before.current, &defaults);
    }
    if let Some(text) = operators(&site.layout)? {
        args.refuse_over(&site.layout)?;
        return ChosenSettings::unmerged(text, &defaults);
    }
    let mut overrides = overrides(args)?;
    let engine = &site.surroundings.engine;
    if !engine.is_what_auto_finds() {
        overrides.insert(0, Override::new("engine", "socket", engine.to_string()));
    }
    ChosenSettings::unmerged(settings::merge(&defaults, &overrides)?, &defaults)
}

/// The default settings of a release that is on this host.
pub(super) fn kept_defaults(layout: &Layout, release: &InstalledRelease) -> anyhow::Result<String> {
    let path = layout.release(&release.id()).join(policy::SETTINGS);
    let bytes = durable::read(&path, settings::MAX_BYTES)?.unwrap_or_default();
    String::from_utf8(bytes).with_context(|| format!("{} is not text", path.display()))
}

/// What the operator has in `config.toml`.
fn operators(layout: &Layout) -> anyhow::Result<Option<String>> {
    let path = layout.settings();
    let Some(bytes) = durable::read(&path, settings::MAX_BYTES)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).with_context(|| format!("{} is not text", path.display()))
}

impl ChosenSettings {
    fn new(merged: Merged, defaults: &str, change: Option<SettingsChange>) -> anyhow::Result<Self> {
        let ports = settings::ports(&merged.text, defaults)?;
        let update = settings::update(&merged.text, defaults)?;
        Ok(Self { ports, update, change, merged })
    }

    fn unmerged(text: String, defaults: &str) -> anyhow::Result<Self> {
        Self::new(Merged { text, changes: Vec::new() }, defaults, None)
    }

    /// The text of `config.toml`.
    pub(super) fn text(&self) -> &str {
        &self.merged.text
    }

    /// The operator's settings, brought from the defaults of the release that runs to those of the next one.
    pub(super) fn merge(site: &Site, from: &InstalledRelease, defaults: &str) -> anyhow::Result<Self> {
        let Some(mine) = operators(&site.layout)? else { return Self::unmerged(defaults.to_owned(), defaults) };
        let base = kept_defaults(&site.layout, from)?;
        let merged = settings::three_way(&base, &mine, defaults)?;
        let change = (merged.text != mine).then(|| SettingsChange { before: mine, after: merged.text.clone() });
        Self::new(merged, defaults, change)
    }
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
