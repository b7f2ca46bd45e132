//! From an image's table to an [`ImageSection`].

use super::add_table::{AddTable, Addition, addition};
use super::expand::OriginalStrings;
use super::image_path::ImagePath;
use super::image_source::published;
use super::process::{is_signal, port};
use super::tables::ImageTable;
use super::tenant_table::TenantTable;
use super::text::DefinitionText;
use super::{DefinitionError, ImageSection, ImageSource, Process, SourcePath};
use landfall_manifests::Tenant;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;

pub(super) fn image(
    text: &DefinitionText<'_>,
    table: ImageTable,
    originals: &OriginalStrings,
) -> Result<ImageSection, DefinitionError> {
    let (written, is_base) = match (&table.source, &table.from) {
        (Some(source), None) => (source, false),
        (None, Some(base)) => (base, true),
        (Some(_), Some(base)) => {
            return Err(text.wrong(base.span().start, "an image has a source, or is made from a base, and not both"));
        }
        (None, None) => {
            let message = format!("the image {} lacks source, or from", table.name.get_ref());
            return Err(text.wrong(table.name.span().start, message));
        }
    };
    let span = written.span();
    let source = ImageSource::parse(written.get_ref(), &text.base())
        .map_err(|error| text.wrong(span.start, error.to_string()))?;
    check_keys(text, &table, is_base, &source)?;
    let cosign = table.cosign.as_ref().map(|path| cosign(text, path, &source)).transpose()?;
    let told = published(originals.before_expansion(&span, written.get_ref()));
    let process = process(text, &table)?;
    let additions = is_base.then(|| additions(text, table.add)).transpose()?;
    if additions.as_ref().is_some_and(Vec::is_empty) && process == Process::default() {
        return Err(text.wrong(span.start, "nothing is added to the base, or changed: write source instead of from"));
    }
    Ok(ImageSection {
        line: text.line_at(table.name.span().start),
        name: table.name.into_inner(),
        source,
        additions,
        source_text: if is_base { format!("from {told}") } else { told },
        cosign,
        tenant: table.tenant.map(|written| tenant(text, written)).transpose()?,
        process,
        owners: table.owners.map(Spanned::into_inner).unwrap_or_default(),
    })
}

fn cosign(
    text: &DefinitionText<'_>,
    path: &Spanned<String>,
    source: &ImageSource,
) -> Result<SourcePath, DefinitionError> {
    match source {
        ImageSource::Registry { .. } => text.source_path(path),
        _ => Err(text.wrong(path.span().start, "cosign is for images of registries, which have the signatures, too")),
    }
}

/// Checks that the image has no key that does not go with its source: images that are taken as they are bring their own configuration,
/// which packing never changes.
fn check_keys(
    text: &DefinitionText<'_>,
    table: &ImageTable,
    is_base: bool,
    source: &ImageSource,
) -> Result<(), DefinitionError> {
    fn at<T>(value: Option<&Spanned<T>>) -> Option<Range<usize>> {
        value.map(Spanned::span)
    }
    let is_folder = matches!(source, ImageSource::Rootfs { .. }) && !is_base;
    let owners = ("owners", at(table.owners.as_ref()));
    let configuration = [
        ("entrypoint", at(table.entrypoint.as_ref())),
        ("cmd", at(table.cmd.as_ref())),
        ("env", at(table.env.as_ref())),
        ("user", at(table.user.as_ref())),
        ("workdir", at(table.workdir.as_ref())),
        ("ports", at(table.ports.as_ref())),
        ("volumes", at(table.volumes.as_ref())),
        ("labels", at(table.labels.as_ref())),
        ("stop_signal", at(table.stop_signal.as_ref())),
    ];
    let found = |(key, span): (&'static str, Option<Range<usize>>)| Some((key, span?.start));
    let (wrong, reason) = if is_base {
        (found(owners), "is for rootfs: images only: with from, each of add has its own")
    } else if let Some(add) = at(table.add.as_ref()) {
        (Some(("add", add.start)), "needs a base: write from instead of source")
    } else if is_folder {
        (None, "")
    } else {
        let wrong = configuration.into_iter().chain([owners]).find_map(found);
        (wrong, "is for rootfs: images, and those with from, only: other images bring their own configuration")
    };
    wrong.map_or(Ok(()), |(key, at)| Err(text.wrong(at, format!("{key} {reason}"))))
}

fn process(text: &DefinitionText<'_>, table: &ImageTable) -> Result<Process, DefinitionError> {
    fn value<T: Clone>(written: Option<&Spanned<T>>) -> Option<T> {
        written.map(|written| written.get_ref().clone())
    }
    let ports = each(text, table.ports.as_ref(), |written| {
        port(written).ok_or_else(|| format!("ports has {written:?}, which is none, such as \"80\" or \"53/udp\""))
    });
    let volumes = each(text, table.volumes.as_ref(), |written| match written.parse::<ImagePath>() {
        Ok(path) if path.inside().is_empty() => Err("volumes has the root, which no volume can be".to_owned()),
        Ok(path) => Ok(path.to_string()),
        Err(error) => Err(format!("volumes has a path that cannot be one: {error}")),
    });
    Ok(Process {
        entrypoint: value(table.entrypoint.as_ref()),
        cmd: value(table.cmd.as_ref()),
        env: environment(text, table.env.as_ref())?,
        user: value(table.user.as_ref()),
        workdir: value(table.workdir.as_ref()),
        ports: ports?,
        volumes: volumes?,
        labels: value(table.labels.as_ref()).unwrap_or_default(),
        stop_signal: table.stop_signal.as_ref().map(|written| stop_signal(text, written)).transpose()?,
    })
}

/// Each value of a list, as `read` has it.
fn each(
    text: &DefinitionText<'_>,
    written: Option<&Spanned<Vec<String>>>,
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<BTreeSet<String>, DefinitionError> {
    let Some(written) = written else { return Ok(BTreeSet::new()) };
    let values = written.get_ref().iter().map(|value| read(value));
    values.map(|value| value.map_err(|message| text.wrong(written.span().start, message))).collect()
}

fn environment(
    text: &DefinitionText<'_>,
    written: Option<&Spanned<BTreeMap<String, String>>>,
) -> Result<BTreeMap<String, String>, DefinitionError> {
    let Some(written) = written else { return Ok(BTreeMap::new()) };
    match written.get_ref().keys().find(|name| name.is_empty() || name.contains('=')) {
        Some(name) => {
            Err(text.wrong(written.span().start, format!("env has {name:?}, which no variable can be called")))
        }
        None => Ok(written.get_ref().clone()),
    }
}

fn stop_signal(text: &DefinitionText<'_>, written: &Spanned<String>) -> Result<String, DefinitionError> {
    let signal = written.get_ref();
    if is_signal(signal) {
        return Ok(signal.clone());
    }
    let message = format!("stop_signal is {signal:?}: it has to be a signal's name or number, such as \"SIGQUIT\"");
    Err(text.wrong(written.span().start, message))
}

fn additions(
    text: &DefinitionText<'_>,
    written: Option<Spanned<Vec<Spanned<AddTable>>>>,
) -> Result<Vec<Addition>, DefinitionError> {
    let tables = written.map(Spanned::into_inner).unwrap_or_default();
    tables.into_iter().map(|table| addition(text, table)).collect()
}

fn tenant(text: &DefinitionText<'_>, written: Spanned<TenantTable>) -> Result<Tenant, DefinitionError> {
    let at = written.span().start;
    let tenant = Tenant::from(written.into_inner());
    // `Release::check` refuses these as well, but knows no line of the definition.
    tenant.check().map_err(|problem| text.wrong(at, problem.to_string()))?;
    Ok(tenant)
}
