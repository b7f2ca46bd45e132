use crate::assemble::folder_of;
use crate::bundle_file::BundleFile;
use crate::media::{Cargo, INSTALLER_NAME, MediaError, Record, Shape};
use crate::partial::PartialFolder;
use crate::parts::PartsArgs;
use crate::{byte_size, key_files};
use anyhow::{Context as _, Result};
use landfall_console::{Console, Size};
use landfall_manifests::Digest;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Put a bundle onto a medium, with the installer and a guide, and read all of it back
///
/// The bundle is cut into parts where the medium's file system needs it (FAT32 does). What is copied is held against the
/// manifest, so that no damage is spread, and read back from the medium once all is written, so that one that lies about its
/// size or forgets is found out here and not on the isolated host. Only then do the files get their names.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  landfall-bundler media acme-1.0.0-linux-amd64.landfall.tar /media/stick --trust acme.pub
  landfall-bundler media BUNDLE /media/disc --split 650MiB

Exit codes: 2 the folder is not there, or holds what must not be replaced, 3 the bundle is damaged, or the medium does \
not give back what was written to it, 4 not signed by the keys of --trust, 6 too little room, or not to be written to")]
pub(crate) struct Args {
    /// The bundle, any part of it, or its name without .partNNN
    file: PathBuf,
    /// The folder where the medium is mounted
    dir: PathBuf,
    #[command(flatten)]
    parts: PartsArgs,
    /// The installer to put beside the bundle [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    installer: Option<PathBuf>,
    /// Cut the bundle into parts of SIZE, such as 700MB or 4GiB, also where the file system does not need it
    #[arg(long, value_name = "SIZE", value_parser = byte_size::parse)]
    split: Option<u64>,
    /// A public key that the bundle must be signed by: its line (RW…), or its file; may be given several times
    #[arg(long, value_name = "KEY")]
    trust: Vec<String>,
    /// How many of the trusted keys must have signed
    #[arg(long, value_name = "N", default_value_t = 1, requires = "trust")]
    threshold: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    path: &'a Path,
    product: String,
    version: String,
    serial: u64,
    platform: String,
    manifest: String,
    /// Whether the signatures were held against keys of the command line.
    verified: bool,
    keys: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<u32>,
    files: Vec<ReportedFile>,
}

#[derive(Serialize)]
struct ReportedFile {
    name: String,
    size: u64,
    digest: String,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let cargo = load(args)?;
    let path = || args.dir.clone();
    if !args.dir.is_dir() {
        return Err(MediaError::NoFolder { path: path() }.into());
    }
    let partial = PartialFolder::new(&args.dir).map_err(|source| MediaError::Write { path: path(), source })?;
    let shape = cargo.fit(&args.dir, args.split)?;
    let progress = console.progress("Writing to the medium", Some(cargo.bytes()));
    let written = cargo.write(&shape, partial.path(), &progress)?;
    progress.finish();
    let progress = console.progress("Reading back from it", Some(written.records.iter().map(|file| file.size).sum()));
    cargo.check(&shape, &written, partial.path(), &progress)?;
    progress.finish();
    written.name(partial.path(), &args.dir)?;
    report(args, &cargo, &shape, &written.records, console)
}

/// Opens what is to be carried. With `--trust`, the bundle has to be signed by those keys.
fn load(args: &Args) -> Result<Cargo> {
    let bundle = BundleFile::open_among(&args.file, &args.parts.folders)?;
    if !args.trust.is_empty() {
        let trusted = key_files::trusted(&args.trust, args.threshold)?;
        bundle.head.clone().verify(&trusted).map_err(|error| bundle.refused(error))?;
    }
    let installer = match &args.installer {
        Some(path) => path.clone(),
        None => folder_of(&std::env::current_exe().context("find out where this program lies")?).join(INSTALLER_NAME),
    };
    Cargo::new(bundle, installer)
}

fn report(args: &Args, cargo: &Cargo, shape: &Shape, records: &[Record], console: Console) -> Result<()> {
    let release = cargo.signed().release();
    let file =
        |file: &Record| ReportedFile { name: file.name.clone(), size: file.size, digest: file.digest.to_string() };
    let report = Report {
        path: &args.dir,
        product: release.product.to_string(),
        version: release.version.to_string(),
        serial: release.serial.into(),
        platform: release.platform(),
        manifest: Digest::of(cargo.signed().bytes()).to_string(),
        verified: !args.trust.is_empty(),
        keys: cargo.keys().iter().map(landfall_keys::PublicKey::to_line).collect(),
        parts: shape.parts(),
        files: records.iter().map(file).collect(),
    };
    let text = text(&report)?;
    console.result(&report, text)
}

fn text(report: &Report<'_>) -> Result<String> {
    let Report { product, version, serial, platform, manifest, .. } = report;
    let mut text = format!("{}: written, and read back whole\n", report.path.display());
    writeln!(text, "  release  {product} {version} (serial {serial}) for {platform}")?;
    writeln!(text, "  manifest {manifest}")?;
    let claim = if report.verified { "" } else { "  (claimed: give --trust to have it checked)" };
    for key in &report.keys {
        writeln!(text, "  signed   by {key}{claim}")?;
    }
    for file in &report.files {
        writeln!(text, "  {}  {}\n           {}", file.name, Size(file.size), file.digest)?;
    }
    text.push_str("Tell those who install the manifest's digest, the installer's and the keys by another way.\n");
    Ok(text)
}
