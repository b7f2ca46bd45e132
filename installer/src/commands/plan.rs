use super::chosen::SettingsArgs;
use super::opened::{self, Offer};
use super::prepared::{self, Prepared};
use crate::failure;
use crate::media::MediaArgs;
use crate::plan::Plan;
use crate::policy::Verdict;
use crate::preflight::Warning;
use crate::site::HostArgs;
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
    media: MediaArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Serialize)]
struct Report<'a> {
    changed: bool,
    /// Absent where exactly this release is installed.
    plan: Option<&'a Plan>,
    warnings: &'a [Warning],
}

pub(crate) fn run(args: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host.layout()?;
    let opened = opened::open(&args.media, &args.trust, &layout, console, Offer::Ask)?;
    let (verdict, before) = prepared::judge(&opened, &layout)?;
    let site = match &before {
        Some(before) => host.recorded_site(&before.host, console)?,
        None => host.site(console)?,
    };
    if verdict == Verdict::Already {
        args.settings.refuse_over(&site.layout)?;
        let report = Report { changed: false, plan: None, warnings: &[] };
        return console.result(&report, "exactly this release is installed: there is nothing to do");
    }
    let prepared = prepared::prepare(&opened, &site, &args.settings, before.as_ref())?;
    let Prepared { plan, problems, warnings, .. } = &prepared;
    if !problems.is_empty() {
        console.warn(format_args!("this would happen:\n{plan}"));
        return Err(failure::unfit(problems).into());
    }
    let mut text = plan.to_string();
    for warning in warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    console.result(&Report { changed: false, plan: Some(plan), warnings }, text)
}
