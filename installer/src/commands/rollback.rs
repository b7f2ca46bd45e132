use super::update::Report;
use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::plan::policy::Refusal;
use crate::settlement;
use crate::state::installed::{Installed, InstalledRelease};
use crate::transition::rollback_plan::RollbackPlan;
use crate::transition::transition_plan;
use landfall_console::Console;

/// Go back to a release that is kept on this host
///
/// The release is verified again from the disk. Tenants keep running. What was written since the update is kept if the release that runs
/// can migrate its database back; otherwise the rollback is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version or the id (VERSION-SERIAL) of the release that is to run; without it, the last one with a lower serial
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Where the database cannot go back without loss, restore the one from before the update; the later one is set aside
    #[arg(long)]
    restore_snapshot: bool,
    /// Do not ask before beginning
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    let state = settlement::lock_settled(host_args, &layout, console)?;
    let Some(before) = Installed::read(&layout)? else { return Err(Refusal::NotInstalled("go back to").into()) };
    let host = host_args.recorded_context(&before.host, console)?;
    let target = choose(&before, args.to.as_deref())?.clone();
    let mut report = Report {
        changed: false,
        product: target.product.to_string(),
        release: target.id().to_string(),
        from: before.current.id().to_string(),
        warnings: Vec::new(),
    };
    if target.id() == before.current.id() {
        let text = format!("{} {} runs already: nothing to do", report.product, report.release);
        return console.result(&report, text);
    }
    let planned = RollbackPlan::new(&host, before, target, args.restore_snapshot)?;
    transition_plan::confirm(&planned, args.yes, console)?;
    planned.carry_out(&host, state)?;
    report.changed = true;
    report.warnings = console.warnings();
    let text = format!("{} {} runs again in place of {}", report.product, report.release, report.from);
    console.result(&report, text)
}

/// The release that is meant: by its version, or by its id.
fn choose<'a>(before: &'a Installed, wanted: Option<&str>) -> Result<&'a InstalledRelease, Refusal> {
    let list = |releases: &[&InstalledRelease]| {
        releases.iter().map(|release| release.id().to_string()).collect::<Vec<_>>().join(", ")
    };
    let not_kept = |wanted: &str| {
        let (wanted, kept) = (wanted.to_owned(), before.kept.iter().collect::<Vec<_>>());
        if kept.is_empty() { Refusal::NothingKept { wanted } } else { Refusal::NotKept { wanted, kept: list(&kept) } }
    };
    let Some(wanted) = wanted else { return before.earlier().ok_or_else(|| not_kept("an earlier release")) };
    // The id first: it names one release, while a version may name several.
    if let Some(release) = before.releases().find(|release| release.id().to_string() == wanted) {
        return Ok(release);
    }
    let of_version: Vec<_> = before.releases().filter(|release| release.version.to_string() == wanted).collect();
    match of_version[..] {
        [] => Err(not_kept(wanted)),
        [release] => Ok(release),
        _ => Err(Refusal::Ambiguous { wanted: wanted.to_owned(), ids: list(&of_version) }),
    }
}
