use super::parts_args::PartsArgs;
use crate::bundle_documents::Documents;
use crate::delta::BaseReport;
use crate::error::Result;
use crate::trust::UnverifiedRoot;
use landfall_console::{Console, Count, OneLine, Size};
use landfall_manifests::sbom;
use landfall_manifests::{Database, Package, Release, Signed, StartPeriod, Tenant, Writable};
use landfall_media::UnverifiedBundle;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// Show what a bundle says about itself, without verifying it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing that is shown has been verified: anyone who can write to the bundle can make it show this. Use `verify` to check \
signatures and content.

Examples:
  landfall-bundler inspect acme-1.0.0-linux-amd64.landfall.tar
  landfall-bundler inspect BUNDLE --json")]
pub(crate) struct Args {
    /// The bundle, any of its parts, or its name without .partNNN
    bundle: PathBuf,
    #[command(flatten)]
    parts: PartsArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InspectReport<'a> {
    path: &'a Path,
    verified: bool,
    /// Of what is here, in bytes.
    size: u64,
    /// Of the whole bundle, in bytes.
    expected_size: u64,
    #[serde(skip_serializing_if = "<[PathBuf]>::is_empty")]
    parts: &'a [PathBuf],
    signers: Vec<String>,
    /// The newest of the trust roots that the bundle brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<UnverifiedRoot>,
    /// How many packages each image has, by its bill of materials.
    packages: BTreeMap<String, usize>,
    release: &'a Release,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let opened = UnverifiedBundle::open(&args.bundle, &args.parts.folders)?;
    let signers = opened.head().signers();
    let signed = opened.head().clone().into_signed_without_verifying()?;
    let expected = signed.bundle_bytes();
    let release = signed.release();
    let shown = InspectReport {
        path: opened.path(),
        verified: false,
        size: opened.found_bytes(),
        expected_size: expected,
        parts: &opened.parts(),
        signers,
        trust: UnverifiedRoot::of(&release.trust),
        packages: packages(&opened, &signed),
        release,
    };
    let text = text(&shown)?;
    console.result(&shown, text)
}

/// How many packages each image has, as far as that can be read: a bundle that is damaged, or not all here, is shown all the same.
fn packages(opened: &UnverifiedBundle, signed: &Signed) -> BTreeMap<String, usize> {
    if opened.found_bytes() != signed.bundle_bytes() {
        return BTreeMap::new();
    }
    let documents = Documents::of(opened, signed);
    let images = signed.release().images.iter().filter_map(|image| {
        let bom = documents.bom(&sbom::image_path(&image.name)).ok()??;
        let packages = bom.components.iter().filter(|component| component.purl.is_some()).count();
        Some((image.name.to_string(), packages))
    });
    images.collect()
}

fn text(shown: &InspectReport<'_>) -> Result<String, fmt::Error> {
    let InspectReport { release, size, expected_size, parts, signers, trust, .. } = shown;
    let mut text = String::from("NOT VERIFIED: this is what the bundle says about itself\n");
    writeln!(text, "release  {} {} (serial {})", release.product, release.version, release.serial)?;
    writeln!(text, "platform {}", release.platform())?;
    if let Some(created) = &release.created {
        writeln!(text, "created  {}", OneLine(created))?;
    }
    if let Some(oldest) = &release.min_upgrade_from {
        writeln!(text, "upgrades from {oldest} on")?;
    }
    if let Some(Database { schema, reversible_to }) = release.database {
        writeln!(text, "database schema {schema}, can go back to {reversible_to}")?;
    }
    writeln!(text, "size     {} in {}", Size(*expected_size), Count(release.archived().len(), "blob"))?;
    if !parts.is_empty() {
        writeln!(text, "parts    {} are here", parts.len())?;
    }
    // Found without reading the content: a copy that was cut off shows at once.
    if size != expected_size {
        writeln!(text, "WHAT IS HERE DIFFERS: {size} bytes, where {expected_size} belong")?;
    }
    writeln!(text, "signed   by {} (claimed)", signers.join(", "))?;
    if let Some(root) = trust {
        writeln!(text, "trust    {root} (claimed)")?;
    }
    if let Some(base) = &release.base {
        writeln!(text, "delta on {}", BaseReport::of(base, release).text())?;
    }
    writeln!(text, "\nimages: {}", release.images.len())?;
    let sizes = release.blob_sizes();
    for image in &release.images {
        let (stored, raw) = (Size(image.stored_bytes(&sizes)), Size(image.layers.iter().map(|layer| layer.size).sum()));
        let packages = shown.packages.get(image.name.as_str()).map(|count| format!(", {}", Count(*count, "package")));
        let (layers, packages) = (Count(image.layers.len(), "layer"), packages.unwrap_or_default());
        writeln!(text, "  {}  {layers}, {stored} stored, {raw} unpacked{packages}", image.name)?;
        writeln!(text, "    from {}", OneLine(&image.source))?;
        if let Some(tenant) = &image.tenant {
            let framework = OneLine(tenant.framework.as_deref().unwrap_or("-"));
            let language = OneLine(&tenant.language);
            let health = tenant.health.to_string();
            let needs = needs(tenant);
            writeln!(text, "    tenant {language} {framework}, port {}, {}{needs}", tenant.port, OneLine(&health))?;
        }
        for layer in &image.layers {
            let stored = Size(sizes.get(&layer.blob).copied().unwrap_or_default()).to_string();
            let others = release.images.iter().filter(|other| other.name != image.name);
            let others = others.filter(|other| other.layers.iter().any(|one| one.blob == layer.blob)).count();
            let shared = if others > 0 { format!("  shared with {}", Count(others, "image")) } else { String::new() };
            writeln!(text, "    layer  {}  {stored:>11}{shared}", &layer.diff_id.to_string()[..19])?;
        }
    }
    writeln!(text, "\nfiles: {}", release.files.len())?;
    for file in &release.files {
        writeln!(text, "  {}  {:>11}  {}", file.mode, Size(file.size).to_string(), file.path)?;
    }
    if !release.packages.is_empty() {
        writeln!(text, "\npackages, as they are installed: {}", release.packages.len())?;
    }
    for package in &release.packages {
        let Package { system, name, version, architecture, size, .. } = package;
        writeln!(text, "  {system}  {:>11}  {name} {version} {architecture}", Size(*size).to_string())?;
    }
    Ok(text)
}

/// What a tenant needs besides its port, each after a comma.
fn needs(tenant: &Tenant) -> String {
    let period = Some(tenant.start_period).filter(|period| *period != StartPeriod::default());
    let period = period.map(|period| format!(", {} s to start", period.duration().as_secs()));
    let memory = tenant.memory.map(|memory| format!(", {} of memory", Size(memory)));
    let writable = tenant.writable.iter().map(|writable| match writable {
        Writable::Tmpfs { path, size } => format!(", tmpfs {path} ({})", Size(*size)),
        Writable::Volume { path } => format!(", volume {path}"),
    });
    let capabilities = tenant.capabilities.iter().map(|capability| format!(", {}", capability.name()));
    let canary = tenant.canary.then(|| ", canary".to_owned());
    period.into_iter().chain(memory).chain(writable).chain(capabilities).chain(canary).collect()
}
