use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::mirror::BundleArgs;
use crate::plan::Plan;
use crate::plan::policy::Verdict;
use crate::plan::preflight::Warning;
use crate::state::installed::Installed;
use crate::transition::PlanError;
use crate::transition::effective_settings::SettingsArgs;
use crate::transition::transition_plan::{self, TransitionPlan};
use crate::transition::verified_bundle::{self, FirstUse};
use crate::trust::TrustArgs;
use landfall_console::Console;
use serde::Serialize;
use std::fmt::Write as _;

/// Say what `install` or `update` would do to this host, to the byte. Changes nothing
///
/// Fails with 6 where the host is not fit for it. The signatures are checked, the blobs are not: `verify` does that, and
/// `install` and `update` themselves.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Serialize)]
struct Report<'a> {
    changed: bool,
    /// Absent where exactly this release is installed, or a mirror has none that is newer.
    plan: Option<&'a Plan>,
    warnings: &'a [Warning],
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    let installed = Installed::read(&layout)?;
    let located = args.bundle.locate(&layout, installed.as_ref(), console).map_err(PlanError::from)?;
    let Some(located) = located else {
        let report = Report { changed: false, plan: None, warnings: &[] };
        return console.result(&report, "there is nothing newer for this host: there is nothing to do");
    };
    let verified = verified_bundle::open(&located, &args.trust, &layout, console, FirstUse::Ask)?;
    let (verdict, before) = transition_plan::judge(&verified, &layout)?;
    let host = match &before {
        Some(before) => host_args.recorded_context(&before.host, console)?,
        None => host_args.context(console)?,
    };
    if verdict == Verdict::Already {
        args.settings.check_absent(&host.layout)?;
        let report = Report { changed: false, plan: None, warnings: &[] };
        return console.result(&report, "exactly this release is installed: there is nothing to do");
    }
    let planned = transition_plan::prepare(&verified, &host, &args.settings, before.as_ref())?;
    if let Some(recovered) = verified.media.recovery_report() {
        console.warn(recovered);
    }
    let TransitionPlan { plan, problems, warnings, .. } = &planned;
    if !problems.is_empty() {
        console.warn(format_args!("this would happen:\n{plan}"));
        return Err(PlanError::Unfit(problems.clone()).into());
    }
    let mut text = plan.to_string();
    for warning in warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    console.result(&Report { changed: false, plan: Some(plan), warnings }, text)
}
