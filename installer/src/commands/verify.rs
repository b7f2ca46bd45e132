use super::opened::{self, Offer};
use crate::failure;
use crate::site::HostArgs;
use crate::trust::TrustArgs;
use crate::verify::verify;
use landfall_console::{Console, Size};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Check a bundle whole: its signatures, then every byte. Changes nothing
///
/// Without --trust the keys count that this host has pinned.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    path: &'a Path,
    verified: bool,
    size: u64,
    product: String,
    version: String,
    serial: u64,
    platform: String,
    signers: Vec<String>,
    blobs: usize,
}

pub(crate) fn run(args: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let opened = opened::open(&args.file, &args.trust, &host.layout()?, console, Offer::Refuse)?;
    let (media, bundle) = (&opened.media, &opened.bundle);
    let progress = console.progress("verify", Some(bundle.entries().iter().map(|entry| entry.size).sum()));
    failure::damage(media.path(), verify(media, bundle, &progress))?;
    progress.finish();
    let release = bundle.release();
    let report = Report {
        path: media.path(),
        verified: true,
        size: bundle.size(),
        product: release.product.to_string(),
        version: release.version.to_string(),
        serial: release.serial.into(),
        platform: release.platform(),
        signers: bundle.verified().signers().iter().map(|signer| signer.key().id().to_string()).collect(),
        blobs: release.blobs.len(),
    };
    let text = format!(
        "{}: verified\n  release  {} {} (serial {}) for {}\n  size     {}, all of it checked\n  signed   by {}\n",
        media.path().display(),
        report.product,
        report.version,
        report.serial,
        report.platform,
        Size(report.size),
        report.signers.join(", "),
    );
    console.result(&report, text)
}
