use super::parts_args::PartsArgs;
use crate::error::Result;
use crate::release_diff::{Difference, Identity, Names};
use landfall_console::{Console, Count, Size};
use landfall_manifests::{Database, Signed};
use landfall_media::UnverifiedBundle;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// Show what changes from one bundle to another, without verifying either
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  landfall-bundler diff acme-1.0.0-linux-amd64.landfall.tar acme-1.1.0-linux-amd64.landfall.tar")]
pub(crate) struct Args {
    /// The bundle with the old release, any of its parts, or its name without .partNNN
    old: PathBuf,
    /// The bundle with the new release, given like the old one
    new: PathBuf,
    #[command(flatten)]
    parts: PartsArgs,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let (old, new) = (open(&args.old, &args.parts)?, open(&args.new, &args.parts)?);
    let difference = Difference::of(old.release(), new.release());
    let text = text(&difference)?;
    console.result(&difference, text)
}

fn open(path: &Path, parts: &PartsArgs) -> Result<Signed> {
    Ok(UnverifiedBundle::open(path, &parts.folders)?.head().clone().into_signed_without_verifying()?)
}

fn text(difference: &Difference) -> Result<String, fmt::Error> {
    let identity = |it: &Identity| format!("{} {} (serial {}) for {}", it.product, it.version, it.serial, it.platform);
    let mut text = String::from("NOT VERIFIED: this is what the bundles say about themselves\n");
    writeln!(text, "from   {}\nto     {}", identity(&difference.old), identity(&difference.new))?;
    if difference.old.database != difference.new.database {
        let [old, new] = [&difference.old, &difference.new].map(|it| database(it.database));
        writeln!(text, "database {old} becomes {new}")?;
    }
    if difference.old.trust != difference.new.trust {
        let [old, new] = [&difference.old, &difference.new].map(|it| trust(it.trust));
        writeln!(text, "trust  {old} becomes {new}")?;
    }
    let Names { added, removed, changed, same } = &difference.images;
    writeln!(text, "images {same} unchanged")?;
    list(&mut text, added, removed)?;
    for image in changed {
        writeln!(text, "  ~ {}  {} of {} shared", image.name, image.shared_layers, Count(image.layers, "layer"))?;
    }
    let Names { added, removed, changed, same } = &difference.files;
    writeln!(text, "files  {same} unchanged")?;
    list(&mut text, added, removed)?;
    changed.iter().try_for_each(|path| writeln!(text, "  ~ {path}"))?;
    let blobs = &difference.blobs;
    writeln!(text, "blobs  {} new, {} shared", Size(blobs.new_bytes), Size(blobs.shared_bytes))?;
    Ok(text)
}

fn database(database: Option<Database>) -> String {
    database.map_or_else(
        || "as it is".to_owned(),
        |Database { schema, reversible_to }| format!("schema {schema} (can go back to {reversible_to})"),
    )
}

fn trust(version: Option<u32>) -> String {
    version.map_or_else(|| "what hosts were given out of band".to_owned(), |version| format!("root version {version}"))
}

fn list(text: &mut String, added: &[String], removed: &[String]) -> fmt::Result {
    added.iter().try_for_each(|name| writeln!(text, "  + {name}"))?;
    removed.iter().try_for_each(|name| writeln!(text, "  - {name}"))?;
    Ok(())
}
