mod findings;

use super::variable_args::VariableArgs;
use crate::error::Error;
use crate::lint::{Lint, LintId};
use crate::registry::{Registries, RegistryArgs};
use findings::Findings;
use landfall_console::{Console, Count, Exit, Failure};
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// Say all that is wrong with a definition and its sources, without packing anything
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The definition is read, every file and image that it names is looked for, and the images' configurations are judged: what is missing or \
wrong is told in one run, and not only the first of it. Nothing is written, and no key is needed. Images of registries and engines \
are looked for where they are.

Layers are not read: warnings that need their content (docs/definition.md lists them) are given by `build` alone, and so is what is \
damaged in them.

Examples:
  landfall-bundler lint acme.toml
  landfall-bundler lint acme.toml --set VERSION=1.4.0 --deny-warnings
  landfall-bundler lint acme.toml --json | jq -r '.errors[].message'

Exit codes: 0 nothing is wrong, or there are warnings alone; else that of the first error, as `build` would end with it: 2 the \
definition, or a file or image that is not there, 3 a damaged image, 4 trust roots that hosts would refuse, 6 an engine or a \
registry that does not answer, or wants a login. 2 also for warnings with --deny-warnings")]
pub(crate) struct Args {
    /// The bundle definition
    definition: PathBuf,
    #[command(flatten)]
    variables: VariableArgs,
    /// Take no image of a registry whose digest is not in landfall.lock
    #[arg(long)]
    locked: bool,
    /// Fail if there are warnings
    #[arg(long)]
    deny_warnings: bool,
    #[command(flatten)]
    registries: RegistryArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    path: &'a Path,
    /// Each as `error` of any command has it.
    errors: Vec<Value>,
    warnings: &'a [Lint],
    /// The warnings that only a build can give.
    at_build_only: Vec<&'static str>,
    /// Why the command fails, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<(), Failure> {
    let registries = Registries::new(args.registries.clone(), console);
    let Findings { errors, warnings, has_images } =
        Findings::of(&args.definition, &args.variables.read(), &registries, args.locked);
    let errors: Vec<Failure> = errors.into_iter().map(Failure::from).collect();
    let failure = failure(&args.definition, &errors, warnings.len(), args.deny_warnings);
    let at_build_only = LintId::every().filter(|id| has_images && id.needs_layers());
    let report = Report {
        path: &args.definition,
        errors: errors.iter().map(Failure::object).collect(),
        warnings: &warnings,
        at_build_only: at_build_only.map(LintId::word).collect(),
        error: failure.as_ref().map(Failure::object),
    };
    let text = text(&report, &errors).map_err(Error::from)?;
    console.result::<Error>(&report, text)?;
    failure.map_or(Ok(()), |failure| Err(failure.with_result()))
}

/// Why the command fails: one run has one exit code, and the first error decides.
fn failure(definition: &Path, errors: &[Failure], warnings: usize, deny_warnings: bool) -> Option<Failure> {
    let (exit, code) = match errors.first() {
        Some(first) => (first.exit(), first.code()),
        None if deny_warnings && warnings > 0 => (Exit::Usage, "warnings"),
        None => return None,
    };
    Some(Failure::new(exit, code, summary(definition, errors.len(), warnings)))
}

fn summary(definition: &Path, errors: usize, warnings: usize) -> String {
    format!("{}: {}, {}", definition.display(), Count(errors, "error"), Count(warnings, "warning"))
}

fn text(report: &Report<'_>, errors: &[Failure]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for error in errors {
        writeln!(text, "error: {error}")?;
        if let Some(hint) = error.advice() {
            writeln!(text, "  hint: {hint}")?;
        }
    }
    for warning in report.warnings {
        writeln!(text, "warning: {warning}")?;
    }
    // That of a failure is its message.
    if report.error.is_none() {
        writeln!(text, "{}", summary(report.path, errors.len(), report.warnings.len()))?;
    }
    if !report.at_build_only.is_empty() {
        writeln!(text, "  only a build looks into layers: {}", report.at_build_only.join(", "))?;
    }
    Ok(text)
}
