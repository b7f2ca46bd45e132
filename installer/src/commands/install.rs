use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::media::MediaArgs;
use crate::plan::TrustChange;
use crate::plan::policy::{Refusal, Verdict};
use crate::settlement;
use crate::state;
use crate::transition::effective_settings::SettingsArgs;
use crate::transition::host_packages::PackageArgs;
use crate::transition::transition_plan;
use crate::transition::verified_bundle::{self, FirstUse};
use crate::trust::TrustArgs;
use landfall_console::Console;
use serde::Serialize;

/// Install a bundle's release on this host, where nothing is installed yet
///
/// Only what trusted keys have signed is used, and nothing but the staging folder is written before the last byte of the bundle was
/// checked. When anything fails, the host is as it was before.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    media: MediaArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    packages: PackageArgs,
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
    /// Everything else that the operator should know.
    warnings: Vec<String>,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let host = host_args.context(console)?;
    let state = settlement::lock_settled(host_args, &host.layout, console)?;
    if state.is_none() {
        state::remove_partial(&host.layout)?;
    }
    let verified =
        verified_bundle::open(&args.media.clone().into(), &args.trust, &host.layout, console, FirstUse::Ask)?;
    let release = verified.bundle.release();
    let report = Report {
        changed: false,
        product: release.product.to_string(),
        release: release.id().to_string(),
        api_port: None,
        trust: None,
        warnings: Vec::new(),
    };
    match transition_plan::judge(&verified, &host.layout)? {
        (Verdict::Already, _) => {
            args.settings.check_absent(&host.layout)?;
            let text = format!("{} {} is installed already: nothing to do", report.product, report.release);
            return console.result(&Report { warnings: console.warnings(), ..report }, text);
        }
        (Verdict::Update, Some(before)) => {
            let (installed, offered) = (before.current.id(), release.id());
            return Err(Refusal::Installed { installed, offered }.into());
        }
        _ => {}
    }
    let planned = transition_plan::prepare(
        &verified,
        &host,
        &args.settings,
        None,
        Some(args.packages.choice(args.yes, console)),
    )?;
    planned.confirm(args.yes, console)?;
    // Printed also where nobody was asked: whom this host trusts from now on.
    if let Some(change) = &planned.plan.trust {
        console.say(change);
    }
    planned.carry_out(&verified, &host, None, state)?;
    let text = format!("{} {} is installed", report.product, report.release);
    let text = if host.units.is_some() {
        format!("{text}, is healthy, and listens on port {}", planned.settings.ports().api)
    } else {
        format!("{text}; no service was started")
    };
    let (api_port, trust) = (Some(planned.settings.ports().api), planned.plan.trust);
    console.result(&Report { changed: true, api_port, trust, warnings: console.warnings(), ..report }, text)
}
