use super::parts_args::PartsArgs;
use crate::byte_size;
use crate::error::Result;
use crate::output::{self, OutputError};
use landfall_console::{Console, Size};
use landfall_media::{Destination, UnverifiedBundle, folder_of};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Cut a bundle into parts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The parts are plain byte ranges, of equal size but the last: `cat BUNDLE.part*` gives the bundle. All other commands, and \
the installer, read them in place. The bundle itself is kept. It is checked against its manifest, so that no damage is \
copied; `verify` tells whether to trust it.

The parts get their names when all of them are written. Parts of an older bundle with the same name are removed first.

Examples:
  landfall-bundler split acme-1.0.0-linux-amd64.landfall.tar --size 4095MiB --out /media/stick
  landfall-bundler split BUNDLE --size 700MB

Exit codes: 0 done, 2 the parts cannot be written there, or would be more than 999, or their names would not be UTF-8, 3 the bundle is damaged, 6 too little \
room")]
pub(crate) struct Args {
    /// The bundle, any of its parts, or its name without .partNNN
    bundle: PathBuf,
    #[command(flatten)]
    parts: PartsArgs,
    /// The size of each part but the last, such as 700MB, 650MiB or 4095MiB (FAT32 holds files below 4GiB)
    #[arg(long, value_name = "SIZE", value_parser = byte_size::parse)]
    size: u64,
    /// The folder for the parts [default: the bundle's]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SplitReport<'a> {
    path: &'a Path,
    size: u64,
    part_size: u64,
    parts: &'a [PathBuf],
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let opened = UnverifiedBundle::open(&args.bundle, &args.parts.folders)?;
    let out = place(&opened, args.out.as_deref())?;
    let folder = folder_of(&out);
    let parts = cut(&opened, &out, args.size, console).map_err(|error| error.with_free_space(folder))?;
    let cut = SplitReport { path: &out, size: opened.found_bytes(), part_size: args.size, parts: &parts };
    let mut text = format!("{}: {} in {} parts of {}\n", out.display(), Size(cut.size), parts.len(), Size(args.size));
    for part in &parts {
        writeln!(text, "  {}", part.display())?;
    }
    console.result(&cut, text)
}

/// The name of the parts without their number: what they are made from is not there in parts, and nothing else is replaced.
fn place(opened: &UnverifiedBundle, folder: Option<&Path>) -> Result<PathBuf, OutputError> {
    let folder = folder.unwrap_or_else(|| folder_of(opened.path()));
    if !folder.is_dir() {
        return Err(OutputError::NoFolder { path: folder.to_owned() });
    }
    let out = folder.join(opened.path().file_name().unwrap_or_default());
    output::check_names_parts(&out)?;
    let target = output::absolute(&out)?;
    let is_there = |file: &PathBuf| file.canonicalize().is_ok_and(|file| file.parent() == target.parent());
    if opened.parts().iter().any(is_there) {
        return Err(OutputError::ReplacesOwnParts { path: out });
    }
    let is_source = || opened.path().canonicalize().is_ok_and(|path| path == target);
    // A file with the bundle's plain name is read in place of its parts: only the one that is cut may be there.
    if out.symlink_metadata().is_ok() && (!opened.parts().is_empty() || !is_source()) {
        return Err(OutputError::ShadowsParts { path: out });
    }
    output::check_parts_replaced(&out)?;
    Ok(out)
}

fn cut(opened: &UnverifiedBundle, out: &Path, size: u64, console: Console) -> Result<Vec<PathBuf>> {
    let signed = opened.head().clone().into_signed_without_verifying()?;
    let parts = Destination { path: out, part_size: Some(size) };
    super::rewrite::rewrite(opened, &signed, parts, "Writing the parts", console)
}
