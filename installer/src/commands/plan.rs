use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::mirror::BundleArgs;
use crate::plan::Plan;
use crate::plan::policy::Verdict;
use crate::plan::preflight::Warning;
use crate::state::installed::Installed;
use crate::transition::PlanError;
use crate::transition::effective_settings::SettingsArgs;
use crate::transition::host_packages::PackageArgs;
use crate::transition::package_changes::package_changes;
use crate::transition::transition_plan::{self, TransitionPlan};
use crate::transition::verified_bundle::{self, FirstUse};
use crate::trust::TrustArgs;
use landfall_console::{Console, OneLine};
use landfall_manifests::sbom::{PackageChanges, UpdatedPackage};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Say what `install` or `update` would do to this host, to the byte. Changes nothing
///
/// With --verbose, packages that change are named. Fails with 6 where the host is not fit for it. The signatures are checked, the blobs are not: `verify` does that, and
/// `install` and `update` themselves.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    packages: PackageArgs,
}

#[derive(Serialize)]
struct Report<'a> {
    changed: bool,
    /// Absent where exactly this release is installed, or a mirror has none that is newer.
    plan: Option<&'a Plan>,
    warnings: &'a [Warning],
    /// How packages change, by image, where both releases say what is in them.
    packages: BTreeMap<String, PackageChanges>,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    let installed = Installed::read(&layout)?;
    let located = args.bundle.locate(&layout, installed.as_ref(), console).map_err(PlanError::from)?;
    let Some(located) = located else {
        let report = Report { changed: false, plan: None, warnings: &[], packages: BTreeMap::new() };
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
        let report = Report { changed: false, plan: None, warnings: &[], packages: BTreeMap::new() };
        return console.result(&report, "exactly this release is installed: there is nothing to do");
    }
    // What `install` would do once it is confirmed. An update brings no engine.
    let packages = before.is_none().then(|| args.packages.choice(true, console));
    let planned = transition_plan::prepare(&verified, &host, &args.settings, before.as_ref(), packages)?;
    if let Some(recovered) = verified.media.recovery_report() {
        console.warn(recovered);
    }
    let TransitionPlan { plan, problems, warnings, .. } = &planned;
    if !problems.is_empty() {
        console.warn(format_args!("this would happen:\n{plan}"));
        return Err(PlanError::Unfit(problems.clone()).into());
    }
    let packages =
        before.as_ref().map(|before| package_changes(&verified, &host.layout, &before.current)).unwrap_or_default();
    let mut text = plan.to_string();
    for (image, changes) in &packages {
        let _ = describe(&mut text, image, changes, console.is_verbose());
    }
    for warning in warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    console.result(&Report { changed: false, plan: Some(plan), warnings, packages }, text)
}

/// Adds how the packages of an image change: how many, and under `--verbose` which.
fn describe(text: &mut String, image: &str, changes: &PackageChanges, is_verbose: bool) -> fmt::Result {
    let PackageChanges { added, removed, updated, .. } = changes;
    let counts = [(added.len(), "added"), (removed.len(), "removed"), (updated.len(), "updated")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    writeln!(text, "  packages {image}: {}", counts.collect::<Vec<_>>().join(", "))?;
    if is_verbose {
        added.iter().try_for_each(|package| writeln!(text, "    + {}", OneLine(package)))?;
        removed.iter().try_for_each(|package| writeln!(text, "    - {}", OneLine(package)))?;
        for UpdatedPackage { name, from, to } in updated {
            let line = format!("{name} {} -> {}", from.join(", "), to.join(", "));
            writeln!(text, "    ~ {}", OneLine(&line))?;
        }
    }
    Ok(())
}
