use super::parts_args::PartsArgs;
use crate::bundle_documents::Documents;
use crate::error::Result;
use crate::plan::own_path;
use crate::release_diff::{Difference, Identity, Names};
use landfall_console::{Console, Count, Size};
use landfall_manifests::sbom::{self, PackageChanges};
use landfall_manifests::{Database, Signed};
use landfall_media::UnverifiedBundle;
use std::collections::BTreeMap;
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
    let packages = packages(&old, &new)?;
    let difference = Difference::of(old.1.release(), new.1.release(), packages);
    let text = text(&difference)?;
    console.result(&difference, text)
}

fn open(path: &Path, parts: &PartsArgs) -> Result<(UnverifiedBundle, Signed)> {
    let opened = UnverifiedBundle::open(path, &parts.folders)?;
    let signed = opened.head().clone().into_signed_without_verifying()?;
    Ok((opened, signed))
}

/// How packages change of images that both have, and of files; nothing where one of the two does not say what is in it.
fn packages(
    old: &(UnverifiedBundle, Signed),
    new: &(UnverifiedBundle, Signed),
) -> Result<BTreeMap<String, PackageChanges>> {
    let images = new.1.release().images.iter().map(|image| (image.name.to_string(), sbom::image_path(&image.name)));
    let files = [("files".to_owned(), own_path(sbom::BUNDLE_PATH))];
    let [old, new] = [old, new].map(|(opened, signed)| Documents::of(opened, signed));
    let mut found = BTreeMap::new();
    for (of, path) in images.chain(files) {
        if let (Some(before), Some(after)) = (old.bom(&path)?, new.bom(&path)?) {
            let changes = PackageChanges::between(&before, &after);
            found.extend((!changes.is_empty()).then_some((of, changes)));
        }
    }
    Ok(found)
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
        let (layers, bytes) = (Count(image.layers, "layer"), Size(image.new_bytes));
        writeln!(text, "  ~ {}  {} of {layers} shared, {bytes} new", image.name, image.shared_layers)?;
    }
    let Names { added, removed, changed, same } = &difference.files;
    writeln!(text, "files  {same} unchanged")?;
    list(&mut text, added, removed)?;
    changed.iter().try_for_each(|path| writeln!(text, "  ~ {path}"))?;
    for (of, changes) in &difference.packages {
        let PackageChanges { added, removed, updated, same } = changes;
        writeln!(text, "packages of {of}: {same} unchanged")?;
        list(&mut text, added, removed)?;
        for package in updated {
            let [from, to] = [&package.from, &package.to].map(|versions| versions.join(", "));
            writeln!(text, "  ~ {} {from} -> {to}", package.name)?;
        }
    }
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
