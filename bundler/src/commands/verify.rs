use super::parts_args::PartsArgs;
use crate::delta::BaseReport;
use crate::error::Result;
use crate::trust::CliTrust;
use landfall_console::{Console, Size};
use landfall_media::{RecoveryReport, UnverifiedBundle};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Check a bundle whole: its signatures against keys that you trust, then every byte
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 0 means that enough of the keys signed, and that no byte differs, or that what the medium did not give back was recovered \
by the parity file beside the bundle, of which a warning tells. 3 means that the bundle is damaged (the message names \
the part, the byte in it, and the files and images that need it) or that a part is missing; 4 means not signed by these keys.

Examples:
  landfall-bundler verify acme-1.0.0-linux-amd64.landfall.tar --trust acme.pub
  landfall-bundler verify BUNDLE --trust RWQf6LRC… --trust second.pub --threshold 2
  landfall-bundler verify BUNDLE --trust trust/2.root.json
  landfall-bundler verify disc1/BUNDLE.part001 --parts disc2 --trust acme.pub")]
pub(crate) struct Args {
    /// The bundle, any of its parts, or its name without .partNNN
    bundle: PathBuf,
    #[command(flatten)]
    parts: PartsArgs,
    /// A public key that you trust: its line (RW…), or its file; may be given several times. Or the file of a trust root
    /// (N.root.json), alone: it leads on to the newest root that the bundle brings
    #[arg(long, value_name = "KEY", required = true)]
    trust: Vec<String>,
    /// How many of the trusted keys must have signed; 1 if not given
    #[arg(long, value_name = "N")]
    threshold: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyReport<'a> {
    path: &'a Path,
    verified: bool,
    size: u64,
    #[serde(skip_serializing_if = "<[PathBuf]>::is_empty")]
    parts: &'a [PathBuf],
    product: String,
    version: String,
    serial: u64,
    platform: String,
    signers: Vec<String>,
    blobs: usize,
    /// What the bundle, a delta, leaves out: of that nothing was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<BaseReport>,
    /// How many bytes were recovered by a parity file.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered: Option<u64>,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    // What was typed is judged before the bundle is opened.
    let given = CliTrust::read(&args.trust, args.threshold)?;
    let opened = UnverifiedBundle::open(&args.bundle, &args.parts.folders)?;
    let trusted = given.keys(opened.head())?;
    let bundle = opened.verify_head(&trusted)?;
    let total = bundle.entries().iter().map(|entry| entry.size).sum();
    let progress = console.progress("Verifying", Some(total));
    opened.check(&bundle, &progress)?;
    progress.finish();
    if let Some(unused) = opened.unused_parity() {
        console.warn(unused);
    }
    let recovery = opened.recovery_report();
    if let Some(recovered) = &recovery {
        console.warn(recovered);
    }
    let release = bundle.release();
    let signers = bundle.verified().signers().iter();
    let checked = VerifyReport {
        path: opened.path(),
        verified: true,
        size: bundle.size(),
        parts: &opened.parts(),
        product: release.product.to_string(),
        version: release.version.to_string(),
        serial: release.serial.into(),
        platform: release.platform(),
        signers: signers.map(|signer| signer.key().id().to_string()).collect(),
        blobs: release.blobs.len(),
        base: release.base.as_ref().map(|base| BaseReport::of(base, release)),
        recovered: recovery.as_ref().map(RecoveryReport::bytes),
    };
    let parts = if opened.parts().is_empty() { String::new() } else { format!(" in {} parts", opened.parts().len()) };
    let base = checked.base.as_ref().map(|base| format!("  delta on {}\n", base.text())).unwrap_or_default();
    let text = format!(
        "{}: verified\n  release  {} {} (serial {}) for {}\n  size     {}{parts}, all of it checked\n{base}  signed   by {}\n",
        opened.path().display(),
        checked.product,
        checked.version,
        checked.serial,
        checked.platform,
        Size(checked.size),
        checked.signers.join(", "),
    );
    console.result(&checked, text)
}
