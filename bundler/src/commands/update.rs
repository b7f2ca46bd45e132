use super::variable_args::VariableArgs;
use crate::build_host::BuildHost;
use crate::definition::{Definition, ImageSection};
use crate::error::Result;
use crate::lock_file::{LockFile, LockFileError};
use crate::plan::Plan;
use crate::registry::{Reference, Registries, RegistryArgs};
use crate::sources;
use landfall_console::Console;
use landfall_manifests::ImageName;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Look up what references to registries stand for now, and pin them to it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
`build` looks a reference up once, and notes its digest in landfall.lock, beside the definition: from then on, it packs that image, whatever \
the tag stands for. This command looks again, shows what moved, and writes the lock file. An image is taken over only if it is there \
for the release's architecture, and signed by the key that the definition demands. References with a digest never move.

Examples:
  landfall-bundler update acme.toml
  landfall-bundler update acme.toml postgres nginx
  landfall-bundler update acme.toml --dry-run")]
pub(crate) struct Args {
    /// The bundle definition
    definition: PathBuf,
    /// The images whose references are looked up [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<ImageName>,
    /// Show what would move, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    variables: VariableArgs,
    #[command(flatten)]
    registries: RegistryArgs,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let definitions = Definition::read_each(&args.definition, &args.variables.read())?;
    let lock = LockFile::beside(&args.definition)?;
    // 1. The chosen ones are looked up; the others stay what they are.
    let registries = Registries::new(args.registries.clone(), console);
    let host = BuildHost::detect(&[])?;
    let progress = console.progress("Asking registries", None);
    let mut chosen: Vec<ImageSection> = Vec::new();
    for definition in definitions {
        let images = images(&definition, &args.names)?;
        let plan = Plan::new(&Definition { images: images.clone(), ..definition }, &host)?;
        sources::find_in_registries(&plan, &registries)?;
        // What its key has not signed would not be built.
        sources::find_evidence(&plan, &registries)?;
        // Architectures share most references, if not all.
        let is_new = |image: &ImageSection| {
            chosen.iter().all(|known| (&known.name, &known.source) != (&image.name, &image.source))
        };
        let new: Vec<ImageSection> = images.into_iter().filter(is_new).collect();
        chosen.extend(new);
    }
    progress.finish();
    // 2. What they stand for now is noted.
    let references = chosen.iter().filter_map(|image| image.source.open_reference());
    let moved = lock.with(references, &registries);
    if moved != lock && !args.dry_run {
        moved.write(&lock)?;
    }
    report(&chosen, [&lock, &moved], console)
}

/// The images whose references may move.
fn images(definition: &Definition, names: &[ImageName]) -> Result<Vec<ImageSection>, LockFileError> {
    for name in names {
        match definition.images.iter().find(|image| image.name == *name) {
            None => return Err(LockFileError::NoSuchImage(name.clone())),
            Some(image) if image.source.open_reference().is_none() => return Err(LockFileError::Fixed(name.clone())),
            Some(_) => {}
        }
    }
    let is_chosen = |image: &&ImageSection| names.is_empty() || names.contains(&image.name);
    let open = definition.images.iter().filter(is_chosen).filter(|image| image.source.open_reference().is_some());
    Ok(open.cloned().collect())
}

#[derive(Serialize)]
struct UpdateReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a Path>,
    images: Vec<UpdatedImage>,
}

#[derive(Serialize)]
struct UpdatedImage {
    name: String,
    reference: String,
    /// What it stood for, if it was pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    to: String,
    moved: bool,
}

fn report(images: &[ImageSection], [old, new]: [&LockFile; 2], console: Console) -> Result<()> {
    let updated = |image: &ImageSection, reference: &Reference| {
        let [from, to] = [old, new].map(|lock| lock.pin(reference).map(ToString::to_string));
        let moved = from != to;
        let (name, reference) = (image.name.to_string(), reference.to_string());
        UpdatedImage { name, reference, from, to: to.unwrap_or_default(), moved }
    };
    let images = images.iter().filter_map(|image| Some(updated(image, image.source.open_reference()?)));
    let images: Vec<UpdatedImage> = images.collect();
    let mut text = String::new();
    for UpdatedImage { name, reference, from, to, moved } in &images {
        writeln!(text, "{name}  {reference}")?;
        match (from, moved) {
            (_, false) => writeln!(text, "  stays  {to}")?,
            (None, true) => writeln!(text, "  is     {to}")?,
            (Some(from), true) => writeln!(text, "  was    {from}\n  is     {to}")?,
        }
    }
    if images.is_empty() {
        text.push_str("no image has a reference that could move\n");
    }
    console.result(&UpdateReport { lock: new.path(), images }, text)
}
