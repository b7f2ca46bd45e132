use super::opened::{self, Offer, Opened};
use super::prepared::{self, Prepared, SettingsArgs};
use crate::failure;
use crate::installed::{Installed, InstalledRelease};
use crate::journal::{Installation, Journal};
use crate::policy::Verdict;
use crate::site::{HostArgs, Site};
use crate::state::{self, State};
use crate::steps::{self, Install};
use crate::trust::TrustArgs;
use landfall_console::{Console, Exit, Failure};
use landfall_manifests::Digest;
use serde::Serialize;
use std::path::PathBuf;

/// Bring a bundle's release onto this host, where nothing is installed yet
///
/// Nothing is believed that the trusted keys have not signed, and nothing but the staging folder is written before the
/// last byte of the bundle was checked. When anything fails, the host is as it was before.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Do not ask before beginning
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    changed: bool,
    product: String,
    /// `<version>-<serial>`
    release: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_port: Option<u16>,
}

pub(crate) fn run(args: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let site = host.site(console)?;
    let state = State::open(&site.layout)?;
    if let Some(journal) = Journal::read(&site.layout)? {
        return Err(failure::interrupted(journal.operation.name()).into());
    }
    if state.is_none() {
        state::sweep(&site.layout)?;
    }
    let opened = opened::open(&args.file, &args.trust, &site.layout, console, Offer::Ask)?;
    let release = opened.bundle.release();
    let report = Report {
        changed: false,
        product: release.product.to_string(),
        release: release.id().to_string(),
        api_port: None,
    };
    if prepared::judge(&opened, &site.layout)?.0 == Verdict::Already {
        args.settings.refuse_over(&site.layout)?;
        let text = format!("{} {} is installed already: nothing to do", report.product, report.release);
        return console.result(&report, text);
    }
    let prepared = prepared::prepare(&opened, &site, &args.settings)?;
    prepared.warnings.iter().for_each(|warning| console.warn(warning));
    if !prepared.problems.is_empty() {
        return Err(failure::unfit(&prepared.problems).into());
    }
    confirm(args, &prepared, console)?;
    land(&site, &opened, &prepared, state)?;
    let text = format!("{} {} is installed", report.product, report.release);
    let text = if site.units.is_some() {
        format!("{text}, healthy, and listens on port {}", prepared.ports.api)
    } else {
        format!("{text}; no service was started")
    };
    console.result(&Report { changed: true, api_port: Some(prepared.ports.api), ..report }, text)
}

/// Where a person can be asked, they see the plan first.
fn confirm(args: &Args, prepared: &Prepared, console: Console) -> anyhow::Result<()> {
    if args.yes || !console.interactive() {
        return Ok(());
    }
    console.warn(format_args!("this is going to happen:\n{}", prepared.plan));
    let answer = console.ask("Go ahead? [y/N]")?.unwrap_or_default().to_lowercase();
    if ["y", "yes"].contains(&answer.as_str()) {
        return Ok(());
    }
    let failure = Failure::new(Exit::Usage, "declined", "nothing was changed: the installation was not confirmed");
    Err(failure.hint("answer y, or give --yes").into())
}

fn land(site: &Site, opened: &Opened, prepared: &Prepared, state: Option<State>) -> anyhow::Result<()> {
    let (bundle, plan) = (&opened.bundle, &prepared.plan);
    let manifest = Digest::of(bundle.manifest());
    let record = Installed {
        schema: 1,
        current: InstalledRelease::new(bundle.release(), manifest, plan.units.clone(), plan.tags()),
        kept: Vec::new(),
        host: site.surroundings.clone(),
        created: plan.folders.clone(),
    };
    let installation = Installation { steps: Vec::new(), record, files: plan.settings.clone(), tags: plan.new_tags() };
    let install = Install {
        site,
        media: &opened.media,
        bundle,
        plan,
        trust: &opened.trust,
        settings: &prepared.settings,
        ports: prepared.ports,
    };
    steps::run(&install, installation, state)
}
