use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::mirror::BundleArgs;
use crate::plan::policy::{Refusal, Verdict};
use crate::settlement;
use crate::state::installed::Installed;
use crate::transition::PlanError;
use crate::transition::effective_settings::SettingsArgs;
use crate::transition::transition_plan;
use crate::transition::verified_bundle::{self, FirstUse};
use crate::trust::TrustArgs;
use landfall_console::Console;
use serde::Serialize;

/// Replace the release that runs on this host by the next one
///
/// Tenants keep running. Up to the switch the release that runs is not touched; a release that does not become healthy, or does not
/// stay healthy, is reverted automatically (exit code 7). After an interruption, the same command settles the update, as do the next
/// boot and `recover`, and continues where it stopped.
///
/// With --from, the newest bundle is taken that a folder or a plain HTTP server of the local network has for this host. Its index has to be signed by the keys
/// that this host trusts, as the bundle has to be. A release that this host has left again is not taken so. Nothing is looked for anywhere without --from.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// Do not ask before beginning
    #[arg(long, short)]
    yes: bool,
}

/// What `update` and `rollback` answer.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) changed: bool,
    pub(super) product: String,
    /// `<version>-<serial>`
    pub(super) release: String,
    /// The release that was there before, likewise.
    pub(super) from: String,
    /// Everything else that the operator should know.
    pub(super) warnings: Vec<String>,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    // Locked until the end: what is decided upon below must still hold when it is done.
    let state = settlement::lock_settled(host_args, &layout, console)?;
    let Some(before) = Installed::read(&layout)? else { return Err(Refusal::NotInstalled("update").into()) };
    let host = host_args.recorded_context(&before.host, console)?;
    let Some(located) = args.bundle.locate(&layout, Some(&before), console).map_err(PlanError::from)? else {
        let current = &before.current;
        let report = Report {
            changed: false,
            product: current.product.to_string(),
            release: current.id().to_string(),
            from: current.id().to_string(),
            warnings: console.warnings(),
        };
        let text = format!("{} {} runs, and there is nothing newer for this host", report.product, report.release);
        return console.result(&report, text);
    };
    let verified = verified_bundle::open(&located, &args.trust, &layout, console, FirstUse::Ask)?;
    let release = verified.bundle.release();
    let report = Report {
        changed: false,
        product: release.product.to_string(),
        release: release.id().to_string(),
        from: before.current.id().to_string(),
        warnings: Vec::new(),
    };
    if transition_plan::judge(&verified, &layout)?.0 == Verdict::Already {
        let text = format!("{} {} runs already: nothing to do", report.product, report.release);
        return console.result(&Report { warnings: console.warnings(), ..report }, text);
    }
    let planned = transition_plan::prepare(&verified, &host, &SettingsArgs::default(), Some(&before), None)?;
    planned.confirm(args.yes, console)?;
    planned.carry_out(&verified, &host, Some(before), state)?;
    let text = format!("{} {} is installed in place of {}", report.product, report.release, report.from);
    let text = if host.units.is_some() {
        format!("{text}, and is healthy")
    } else {
        format!("{text}; no service was started")
    };
    console.result(&Report { changed: true, warnings: console.warnings(), ..report }, text)
}
