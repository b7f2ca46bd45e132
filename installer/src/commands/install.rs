use super::chosen::SettingsArgs;
use super::opened::{self, Offer};
use super::prepared;
use crate::failure;
use crate::journal::Journal;
use crate::media::MediaArgs;
use crate::plan::TrustChange;
use crate::policy::{Refusal, Verdict};
use crate::site::HostArgs;
use crate::state::{self, State};
use crate::trust::TrustArgs;
use landfall_console::Console;
use serde::Serialize;

/// Bring a bundle's release onto this host, where nothing is installed yet
///
/// Nothing is believed that the trusted keys have not signed, and nothing but the staging folder is written before the
/// last byte of the bundle was checked. When anything fails, the host is as it was before.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    media: MediaArgs,
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
    /// Whom the host trusts from now on, if it did not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<TrustChange>,
    /// What the operator should know besides.
    warnings: Vec<String>,
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
    let opened = opened::open(&args.media, &args.trust, &site.layout, console, Offer::Ask)?;
    let release = opened.bundle.release();
    let report = Report {
        changed: false,
        product: release.product.to_string(),
        release: release.id().to_string(),
        api_port: None,
        trust: None,
        warnings: Vec::new(),
    };
    match prepared::judge(&opened, &site.layout)? {
        (Verdict::Already, _) => {
            args.settings.refuse_over(&site.layout)?;
            let text = format!("{} {} is installed already: nothing to do", report.product, report.release);
            return console.result(&Report { warnings: console.warnings(), ..report }, text);
        }
        (Verdict::Update, Some(before)) => {
            let (installed, offered) = (before.current.id(), release.id());
            return Err(Refusal::Installed { installed, offered }.into());
        }
        _ => {}
    }
    let prepared = prepared::prepare(&opened, &site, &args.settings, None)?;
    prepared.go_ahead(args.yes, console)?;
    if let Some(change) = &prepared.plan.trust {
        console.say(change);
    }
    prepared.carry_out(&opened, &site, None, state)?;
    let text = format!("{} {} is installed", report.product, report.release);
    let text = if site.units.is_some() {
        format!("{text}, healthy, and listens on port {}", prepared.settings.ports.api)
    } else {
        format!("{text}; no service was started")
    };
    let (api_port, trust) = (Some(prepared.settings.ports.api), prepared.plan.trust);
    console.result(&Report { changed: true, api_port, trust, warnings: console.warnings(), ..report }, text)
}
