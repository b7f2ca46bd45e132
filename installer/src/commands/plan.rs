use super::opened::{self, Offer};
use super::prepared::{self, SettingsArgs};
use crate::plan::Plan;
use crate::policy::Verdict;
use crate::preflight::{Problem, Warning};
use crate::site::HostArgs;
use crate::trust::TrustArgs;
use landfall_console::Console;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Say what installing a bundle would do to this host, to the byte. Changes nothing
///
/// The signatures are checked, the blobs are not: `verify` does that, and `install` itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle
    file: PathBuf,
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
    problems: &'a [Problem],
    warnings: &'a [Warning],
}

pub(crate) fn run(args: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let site = host.site(console)?;
    let opened = opened::open(&args.file, &args.trust, &site.layout, console, Offer::Ask)?;
    let (verdict, _) = prepared::judge(&opened, &site.layout)?;
    if verdict == Verdict::Already {
        let report = Report { changed: false, plan: None, problems: &[], warnings: &[] };
        return console.result(&report, "exactly this release is installed: there is nothing to do");
    }
    let prepared = prepared::prepare(&opened, &site, &args.settings)?;
    let (problems, warnings) = (&prepared.problems, &prepared.warnings);
    let mut text = prepared.plan.to_string();
    for problem in problems {
        let _ = writeln!(text, "problem: {problem}");
    }
    for warning in warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    console.result(&Report { changed: false, plan: Some(&prepared.plan), problems, warnings }, text)
}
