use super::parts_args::PartsArgs;
use crate::build_host::program_folder;
use crate::byte_size;
use crate::error::Result;
use crate::partial_folder::PartialFolder;
use crate::stick::{FileRecord, INSTALLER_NAME, MediumPlan, Payload, RootFile, StickError};
use crate::trust::{CliTrust, read_root};
use landfall_console::{Console, Size};
use landfall_manifests::Digest;
use landfall_manifests::parity::PERCENT;
use landfall_media::UnverifiedBundle;
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// Put a bundle onto a medium, with the installer, a trust root and a guide, and read all of it back
///
/// The bundle is cut into parts where the medium's file system needs it (FAT32 does). What is copied is checked against
/// the manifest, so that no damage is copied, and read back from the medium once all is written, so that a medium that is smaller
/// than it claims, or loses data, is found here and not on the isolated host. Only then do the files get their names.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The guide describes the installation on a new host by a trust root (N.root.json) on the medium: the one of --root, or the newest \
in the bundle. Without either, it names the keys that signed. A host that is given these keys requires signatures by all of them \
from then on, so give --root if the publisher has more.

With --parity, the installer computes what the medium no longer gives back: bad sectors or changed bytes, in one place up to so much \
of the bundle, and somewhat less where they are scattered. The bundle is the same with it and without. What is computed is held \
against the signatures like anything else.

A file on the medium is replaced only by one of its kind: a bundle, its parity file, the installer, the same root, the guide.

Examples:
  landfall-bundler media acme-1.0.0-linux-amd64.landfall.tar /media/stick --trust acme.pub
  landfall-bundler media BUNDLE /media/stick --root trust/2.root.json
  landfall-bundler media BUNDLE /media/disc --split 650MiB
  landfall-bundler media BUNDLE /media/stick --parity 5%

Exit codes: 2 the folder does not exist, or has a file that must not be replaced, 3 the bundle is damaged, or the medium does \
not return what was written to it, 4 not signed by the keys of --trust, or hosts that follow the guide would refuse it, 6 too little room, or not writable")]
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
    /// Add a parity file of so many percent of the bundle's size, such as 5%, with which a host reads through as much damage
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    parity: Option<u32>,
    /// The publisher's trust root, a file N.root.json, for new hosts [default: the newest in the bundle]
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// A public key that the bundle must be signed by: its line (RW…), or its file; may be given several times. Or the file of
    /// a trust root, alone
    #[arg(long, value_name = "KEY")]
    trust: Vec<String>,
    /// How many of the trusted keys must have signed; 1 if not given
    #[arg(long, value_name = "N", requires = "trust")]
    threshold: Option<u32>,
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
    /// Whether the signatures were checked against keys of the command line.
    verified: bool,
    keys: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<ReportedRoot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<u32>,
    /// The size of the largest gap in the bundle that its parity file fills, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    recoverable: Option<u64>,
    files: Vec<ReportedFile>,
}

/// The root that the guide names.
#[derive(Serialize)]
struct ReportedRoot {
    version: u32,
    digest: String,
}

#[derive(Serialize)]
struct ReportedFile {
    name: String,
    size: u64,
    digest: String,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    // 1. What can be refused is refused before the medium is touched.
    let payload = match args.parity {
        None => load(args, console)?,
        Some(percent) => load(args, console)?.with_parity(percent)?,
    };
    let path = || args.dir.clone();
    if !args.dir.is_dir() {
        return Err(StickError::NoFolder { path: path() }.into());
    }
    // 2. On the medium itself: a file gets its name by rename(2), which stays within one file system.
    let partial = PartialFolder::new(&args.dir).map_err(|source| StickError::Write { path: path(), source })?;
    let plan = payload.plan(&args.dir, args.split)?;
    let progress = console.progress("Writing to the medium", Some(payload.bytes()));
    let written = payload.write(&plan, partial.path(), &progress)?;
    progress.finish();
    // 3. All is read back before any file has its name: a worn-out medium must not hold what looks whole.
    let progress = console.progress("Reading back from it", Some(written.records.iter().map(|file| file.size).sum()));
    payload.check(&plan, &written, partial.path(), &progress)?;
    progress.finish();
    written.publish(partial.path(), &args.dir)?;
    if let Some(unused) = payload.unused_parity() {
        console.warn(unused);
    }
    if let Some(recovered) = payload.recovery_report() {
        console.warn(recovered);
    }
    report(args, &payload, &plan, &written.records, console)
}

/// Opens what is to be carried. With `--trust`, the bundle has to be signed by those keys; in any case by those that the guide
/// has hosts trust.
fn load(args: &Args, console: Console) -> Result<Payload> {
    let bundle = UnverifiedBundle::open(&args.file, &args.parts.folders)?;
    if !args.trust.is_empty() {
        let trusted = CliTrust::read(&args.trust, args.threshold)?.keys(bundle.head())?;
        bundle.verify_head(&trusted)?;
    }
    let given = args.root.as_deref().map(read_root).transpose()?;
    let root = RootFile::choose(&bundle, given)?;
    // A single signer's key is enough for a host; one that is given several asks for signatures by all of them.
    if root.is_none() && bundle.head().offered_keys().len() != 1 {
        console.warn(
            "new hosts should be given the publisher's trust root: put it onto the medium with --root N.root.json",
        );
    }
    let installer = match &args.installer {
        Some(path) => path.clone(),
        None => program_folder()?.join(INSTALLER_NAME),
    };
    Ok(Payload::new(bundle, installer, root)?)
}

fn report(args: &Args, payload: &Payload, plan: &MediumPlan, records: &[FileRecord], console: Console) -> Result<()> {
    let release = payload.signed().release();
    let file =
        |file: &FileRecord| ReportedFile { name: file.name.clone(), size: file.size, digest: file.digest.to_string() };
    let report = Report {
        path: &args.dir,
        product: release.product.to_string(),
        version: release.version.to_string(),
        serial: release.serial.into(),
        platform: release.platform(),
        manifest: Digest::of(payload.signed().bytes()).to_string(),
        verified: !args.trust.is_empty() || args.root.is_some(),
        keys: payload.keys().iter().map(landfall_keys::PublicKey::to_line).collect(),
        root: payload.root().map(|root| ReportedRoot { version: root.version(), digest: root.digest() }),
        parts: plan.bundle.parts(),
        recoverable: payload.recoverable(),
        files: records.iter().map(file).collect(),
    };
    let text = text(&report)?;
    console.result(&report, text)
}

/// A percentage, with or without its sign.
fn percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let percent = is_number.then(|| number.parse().ok()).flatten().filter(|percent| PERCENT.contains(percent));
    percent.ok_or_else(|| {
        format!(
            "{text:?} is no share of the bundle: write a whole number from {} to {}, such as 5%",
            PERCENT.start(),
            PERCENT.end()
        )
    })
}

fn text(report: &Report<'_>) -> Result<String, fmt::Error> {
    let Report { product, version, serial, platform, manifest, .. } = report;
    let mut text = format!("{}: written, and read back whole\n", report.path.display());
    writeln!(text, "  release  {product} {version} (serial {serial}) for {platform}")?;
    writeln!(text, "  manifest {manifest}")?;
    let claim = if report.verified { "" } else { "  (claimed: give --trust to have it checked)" };
    for key in &report.keys {
        writeln!(text, "  signed   by {key}{claim}")?;
    }
    if let Some(ReportedRoot { version, digest }) = &report.root {
        writeln!(text, "  root     version {version}  {digest}{claim}")?;
    }
    if let Some(bytes) = report.recoverable {
        writeln!(text, "  parity   recovers {} of the bundle in one piece", Size(bytes))?;
    }
    for file in &report.files {
        writeln!(text, "  {}  {}\n           {}", file.name, Size(file.size), file.digest)?;
    }
    let trust = if report.root.is_some() { "root's" } else { "keys" };
    writeln!(
        text,
        "Tell those who install the manifest's digest, the installer's and the {trust} out of band, on paper for example: \
         the installer runs as root before anything is verified."
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_whole_number_of_percent() {
        for (text, expected) in
            [("5%", Some(5)), ("5", Some(5)), ("50 %", Some(50)), ("1%", Some(1)), ("0%", None), ("51%", None)]
        {
            assert_eq!(percent(text).ok(), expected, "{text}");
        }
        for wrong in ["", "%", "-5%", "+5", "5.5%", "5%%", "99999999999%"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
