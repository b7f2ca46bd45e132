use super::host_key_args::HostKeyArgs;
use super::parts_args::PartsArgs;
use crate::delta::{self, BaseReport, Bases};
use crate::error::{Error, Result};
use crate::key_files::{self, PasswordArgs};
use crate::{byte_size, output};
use landfall_console::{Console, Size};
use landfall_media::{Destination, UnverifiedBundle, folder_of};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Make a bundle for hosts that run an earlier release: without what they have already
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A delta has the manifest of the full bundle, which says besides what is left out and against which releases; it is signed by itself, and \
`verify`, `inspect`, `sign`, `split` and `media` take it like any bundle. `landfall-installer update DELTA` proves that the host has \
what is left out before it changes anything; a host without it needs the full bundle. With several bases, what each of them has is \
left out. Where an inventory is named, a bundle that is named beside it is what differences are made from. The image layout in a delta lacks blobs, so that skopeo and `docker load` do not read images from it.

`build --base OLD` builds and makes the delta in one command.

Examples:
  landfall-bundler delta acme-1.1.0-linux-amd64.landfall.tar --base acme-1.0.0-linux-amd64.landfall.tar --key acme.key
  landfall-bundler delta NEW --base OLD --base OLDER --key acme.key --out /media/stick/
  landfall-bundler delta NEW --base host.json --base OLD --key acme.key

Exit codes: 0 done, 2 FULL is itself a delta, or OUT must not be replaced, 3 a bundle or an inventory is damaged, 4 an inventory is not signed by the \
host's key, 5 a base is of another product or \
platform or has a higher serial, 6 too little room")]
pub(crate) struct Args {
    /// The full bundle of the release, any of its parts, or its name without .partNNN
    full: PathBuf,
    /// A bundle of an earlier release, or any of its parts, or the file that a host's `inventory` wrote; may be given several times: what each has is left out
    #[arg(long = "base", value_name = "OLD|HOST.json", required = true)]
    bases: Vec<PathBuf>,
    #[command(flatten)]
    hosts: HostKeyArgs,
    /// A secret key file to sign with; may be given several times
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    parts: PartsArgs,
    /// The delta's file, or its folder [default: PRODUCT-VERSION-OS-ARCH.delta.landfall.tar here]
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Cut the delta into parts of SIZE, such as 700MB or 4095MiB
    #[arg(long, value_name = "SIZE", value_parser = byte_size::parse)]
    split: Option<u64>,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    path: &'a Path,
    #[serde(skip_serializing_if = "<[PathBuf]>::is_empty")]
    parts: &'a [PathBuf],
    size: u64,
    full_size: u64,
    product: String,
    version: String,
    serial: u64,
    platform: String,
    base: BaseReport,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let full = UnverifiedBundle::open(&args.full, &args.parts.folders)?;
    let release = delta::release(&full)?;
    let bases = Bases::open(&args.bases, &args.parts.folders, &args.hosts.read()?)?;
    bases.check(&release.product, &release.platform(), release.serial)?;
    let keys = key_files::secrets(&args.keys, &args.password, console)?;
    let out = output::resolve_copy(args.out.as_deref(), &release.delta_file_name())?;
    delta::check_output(&out, full.files().into_iter().chain(bases.files()))?;
    args.split.map(|_| output::check_names_parts(&out)).transpose()?;
    let destination = Destination { path: &out, part_size: args.split };
    let written = delta::cut(&full, &bases, &keys, destination, console);
    let written = written.map_err(|error| Error::from(error).with_free_space(folder_of(&out)))?;
    let (signed, release) = (&written.signed, written.signed.release());
    let Some(base) = release.base.as_ref().map(|base| BaseReport::of(base, release)) else { return Ok(()) };
    let report = Report {
        path: &out,
        parts: &written.parts,
        size: signed.bundle_bytes(),
        full_size: full.found_bytes(),
        product: release.product.to_string(),
        version: release.version.to_string(),
        serial: release.serial.into(),
        platform: release.platform(),
        base,
    };
    let text = format!(
        "{}\n  release  {} {} (serial {}) for {}\n  base     {}\n  size     {:#}, of {:#} in the full bundle\n",
        out.display(),
        report.product,
        report.version,
        report.serial,
        report.platform,
        report.base.text(),
        Size(report.size),
        Size(report.full_size),
    );
    console.result(&report, text)
}
