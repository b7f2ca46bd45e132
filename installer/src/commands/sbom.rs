use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::plan::policy::Refusal;
use crate::retained_release;
use crate::state::installed::Installed;
use crate::transition::PlanError;
use landfall_console::{Console, Exit, Failure, OneLine, message_with_causes};
use landfall_keys::Verified;
use landfall_manifests::sbom::{self, Bom, Component};
use landfall_manifests::{ImageName, Release};
use std::fmt::{self, Write as _};

/// Show what is in the release that is installed: the packages of its images, programs and files
///
/// The bills of materials came with the release and are compared with its signed manifest. With --json, one is printed as it is
/// (CycloneDX 1.6): that of the release, or that of an image.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  landfall-installer sbom
  landfall-installer sbom --image hello --json > hello.cdx.json

Exit codes: 0 done, 2 the release has none, or not this image, 3 the release's folder is damaged, 5 nothing is installed")]
pub(crate) struct Args {
    /// Of this image alone
    #[arg(long, value_name = "NAME")]
    image: Option<ImageName>,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    let Some(installed) = Installed::read(&layout)? else { return Err(Refusal::NotInstalled("describe").into()) };
    let release = retained_release::manifest(&layout, &installed.current).map_err(PlanError::from)?;
    let read = |path: &str| -> Result<Vec<u8>, Error> {
        let content = retained_release::document(&layout, &release, path, sbom::BYTES).map_err(PlanError::from)?;
        Ok(content.ok_or_else(|| missing(&release, path))?)
    };
    let images: Vec<&ImageName> = release.get().images.iter().map(|image| &image.name).collect();
    let asked = args.image.as_ref();
    if let Some(asked) = asked.filter(|asked| !images.contains(asked)) {
        let names: Vec<&str> = images.iter().map(|image| image.as_str()).collect();
        let message = format!("the release has no image {asked}");
        return Err(Failure::new(Exit::Usage, "no_such_image", message)
            .hint(format!("name one of {}", names.join(", ")))
            .into());
    }
    let path = asked.map_or_else(|| sbom::BUNDLE_PATH.to_owned(), |image| sbom::image_path(image).to_string());
    let document = parse(&read(&path)?, &path)?;
    let mut text = String::new();
    add(&mut text, asked.map_or("the release", ImageName::as_str), &document);
    if asked.is_none() {
        for image in images {
            let path = sbom::image_path(image).to_string();
            add(&mut text, image.as_str(), &parse(&read(&path)?, &path)?);
        }
    }
    console.result(&document, text)
}

/// What a signed document says.
fn parse(content: &[u8], path: &str) -> Result<Bom, Failure> {
    Bom::read(content).map_err(|error| {
        let message = format!("{path} of the release cannot be read: {}", message_with_causes(&error));
        Failure::new(Exit::Damaged, "sbom", message).hint("ask the release's publisher: it was signed like this")
    })
}

fn missing(release: &Verified<Release>, path: &str) -> Failure {
    let message = format!("release {} has no {path}", release.get().id());
    Failure::new(Exit::Usage, "no_sbom", message)
        .hint("its publisher left evidence out of the bundle (`evidence = false`)")
}

/// Adds the packages of a document, one a line.
fn add(text: &mut String, of: &str, bom: &Bom) {
    let system = bom.components.iter().find(|component| component.kind == "operating-system");
    let system = system.map(|system| format!(", {} {}", system.name, system.version.as_deref().unwrap_or_default()));
    let packages: Vec<&Component> =
        bom.components.iter().filter(|component| component.kind == "library" && component.purl.is_some()).collect();
    let system = system.unwrap_or_default();
    // Into memory, where nothing can fail.
    let _ =
        writeln!(text, "{of}{}: {}", OneLine(system.trim_end()), landfall_console::Count(packages.len(), "package"));
    for package in packages {
        let _ = line(text, package);
    }
}

fn line(text: &mut String, package: &Component) -> fmt::Result {
    let kind =
        package.purl.as_deref().and_then(|purl| purl.strip_prefix("pkg:")?.split('/').next()).unwrap_or_default();
    let (version, licence) = (package.version.as_deref().unwrap_or("-"), package.licence_text());
    let line = format!("  {kind:<7} {:<32} {version:<24} {licence}", package.name);
    writeln!(text, "{}", OneLine(line.trim_end()))
}
