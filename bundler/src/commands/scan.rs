use super::parts_args::PartsArgs;
use crate::bundle_documents::Documents;
use crate::error::{Error, Result};
use crate::scan::{self, Components, Finding, Severity};
use landfall_console::{Console, Count, Exit, Failure, OneLine};
use landfall_manifests::sbom;
use landfall_media::UnverifiedBundle;
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

/// Look for known vulnerabilities of the packages in a bundle, offline
///
/// The packages are those of the bundle's bills of materials, which are not verified here; the advisories are files in OSV's form (NAME.json) in a folder and
/// below it, as osv.dev offers them as archives for each ecosystem. Nothing is downloaded.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  landfall-bundler scan acme-1.0.0-linux-amd64.landfall.tar --db osv/
  landfall-bundler scan BUNDLE --db osv/ --fail-on high --json

Exit codes: 0 done, whatever was found, unless --fail-on asks for more; 2 the bundle has no bills of materials, or a file of the folder is \
no advisory; 3 damaged; 5 found what --fail-on names")]
pub(crate) struct Args {
    /// The bundle, any of its parts, or its name without .partNNN
    bundle: PathBuf,
    /// The folder with advisories
    #[arg(long = "db", value_name = "FOLDER")]
    database: PathBuf,
    /// Fail with exit code 5 if something at least this bad is found; `unknown` is anything
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    #[command(flatten)]
    parts: PartsArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    packages: usize,
    advisories: usize,
    findings: Vec<Finding>,
    /// Why the command fails, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<(), Failure> {
    let components = components(args)?;
    if components.unknown > 0 {
        let unknown = Count(components.unknown, "package");
        console.warn(format_args!("{unknown} have no version, or are of a kind that advisories are not looked up for"));
    }
    let (findings, advisories) = scan::scan(&args.database, &components).map_err(Error::from)?;
    let refused = args.fail_on.map_or(0, |least| findings.iter().filter(|finding| finding.severity >= least).count());
    let failure = (refused > 0).then(|| {
        let message = format!("{} of the severity that --fail-on names, or worse", Count(refused, "finding"));
        Failure::new(Exit::Policy, "vulnerable", message).hint("update these packages in the images, and build again")
    });
    let error = failure.as_ref().map(Failure::object);
    let report = Report { packages: components.len(), advisories, findings, error };
    let text = text(&report).map_err(Error::from)?;
    console.result::<Error>(&report, text)?;
    failure.map_or(Ok(()), |failure| Err(failure.with_result()))
}

/// The packages of the bundle.
fn components(args: &Args) -> Result<Components> {
    let opened = UnverifiedBundle::open(&args.bundle, &args.parts.folders)?;
    let signed = opened.head().clone().into_signed_without_verifying()?;
    let documents = Documents::of(&opened, &signed);
    let mut components = Components::default();
    let Some(bom) = documents.bom(&crate::plan::own_path(sbom::BUNDLE_PATH))? else {
        return Err(Error::NoEvidence(args.bundle.clone()));
    };
    components.add("files", &bom);
    for image in &signed.release().images {
        match documents.bom(&sbom::image_path(&image.name))? {
            Some(bom) => components.add(&format!("image {}", image.name), &bom),
            None => return Err(Error::NoEvidence(args.bundle.clone())),
        }
    }
    Ok(components)
}

fn text(report: &Report) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for Finding { severity, package, version, id, aliases, fixed, places, summary, .. } in &report.findings {
        let fixed = fixed.as_deref().map_or_else(|| "not fixed".to_owned(), |fixed| format!("fixed in {fixed}"));
        let aliases = if aliases.is_empty() { String::new() } else { format!(" ({})", aliases.join(", ")) };
        let line =
            format!("{:<8} {package} {version}  {fixed}  {id}{aliases}  in {}", severity.name(), places.join(", "));
        writeln!(text, "{}", OneLine(&line))?;
        if !summary.is_empty() {
            writeln!(text, "         {}", OneLine(summary))?;
        }
    }
    let (found, packages) = (Count(report.findings.len(), "finding"), Count(report.packages, "package"));
    let end = if report.advisories == 1 { "y" } else { "ies" };
    writeln!(text, "{found} in {packages}, by {} advisor{end}", report.advisories)?;
    Ok(text)
}
