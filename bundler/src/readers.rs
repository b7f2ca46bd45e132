//! The readers of outside input as functions of that input, for fuzzers. They return what a fuzzer can compare with the
//! input.

use crate::blob_store::BlobStore;
use crate::build_host::BuildHost;
use crate::definition::{ArchivePath, Definition, DefinitionLine, Examination, Variables};
use crate::host_packages::reader;
use crate::lock_file;
use crate::packages::FileKind;
use crate::plan::{Plan, RequestedImage, Source, SourceJob};
use crate::registry::{Reference, Registries, RegistryArgs, challenge};
use crate::scan::{self, Components};
use crate::sources::{Archives, PackContext};
use landfall_console::Console;
use landfall_manifests::oci::Platform;
use landfall_manifests::sbom::Bom;
use landfall_manifests::{Arch, Encoding, Layer, Os};
use landfall_media::Destination;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

/// Why an input is refused.
pub type Refused = Box<dyn Error>;

/// The form of an image at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `docker-archive:`
    DockerArchive,
    /// `oci-archive:`
    OciArchive,
    /// `oci:`
    OciFolder,
}

/// A layer of an image that was taken in, and the blob in which a bundle would hold it.
pub type Stored = (Layer, Vec<u8>);

/// Reads a definition in which `${NAME}` is set, and plans what it asks for.
///
/// # Errors
/// The text is no definition.
pub fn definition(text: &str) -> Result<(), Refused> {
    let variables = Variables::new([], [("NAME".to_owned(), "value ${NAME}".to_owned())]);
    let file = Path::new("/definitions/acme.toml");
    let parsed = Definition::parse(text, file, &variables);
    // Whoever looks for all problems finds some exactly where a build would stop.
    if Examination::of(text, file, &variables).problems.is_empty() != parsed.is_ok() {
        return Err("`lint` and `build` judge this text differently".into());
    }
    let definition = parsed?;
    let programs = PathBuf::from("/programs");
    let machine =
        BuildHost { arch: Some(Arch::Amd64), source_date_epoch: None, programs, pages: Vec::new(), keys: Vec::new() };
    Plan::new(&definition, &machine)?;
    Ok(())
}

/// Reads a reference to an image in a registry, and writes it in full.
///
/// # Errors
/// The text is no reference.
pub fn reference(text: &str) -> Result<String, Refused> {
    Ok(text.parse::<Reference>()?.to_string())
}

/// Reads a lock file, and writes it again.
///
/// # Errors
/// The text is no lock file.
pub fn lock_file(text: &[u8]) -> Result<String, Refused> {
    Ok(lock_file::text(&lock_file::parse(text)?))
}

/// Reads a `WWW-Authenticate` header: schemes, each with its parameters.
pub fn challenges(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    challenge::parse(header).into_iter().map(|challenge| (challenge.scheme, challenge.parameters)).collect()
}

/// Holds the packages of a bill of materials against an advisory, and counts what it finds.
///
/// # Errors
/// One of the two cannot be read.
pub fn advisory(bom: &[u8], advisory: &[u8]) -> Result<usize, Refused> {
    let mut components = Components::default();
    components.add("image app", &Bom::read(bom)?);
    Ok(scan::parse(advisory, &components)?.len())
}

/// The package URLs that the file at `path` tells of when it comes in pieces of `piece` bytes; none where it is not looked into.
pub fn packages(path: &str, file: &[u8], piece: usize) -> Option<Vec<String>> {
    let mut reader = FileKind::of(path, file.len() as u64, true)?.reader()?;
    file.chunks(piece.max(1)).for_each(|piece| reader.update(piece));
    Some(reader.finish().packages.iter().map(|package| package.purl(None)).collect())
}

/// Reads a Debian package: its name and version.
///
/// # Errors
/// It is none, or says nothing that could be installed.
pub fn package(bytes: &[u8]) -> Result<(String, String), Refused> {
    reader::package(bytes)
}

/// Reads an index of packages, and chooses from it what it takes to install `name`, in the order of installation.
///
/// # Errors
/// It is no index, or it does not have all of that.
pub fn packages_of_index(index: &[u8], name: &str) -> Result<Vec<String>, Refused> {
    reader::packages_of_index(index, name)
}

/// Takes the image at `path` for linux/amd64, the one that `reference` names or the only one, into a store in `scratch`, which
/// is gone afterwards.
///
/// # Errors
/// There is no such image, or it is damaged, or not for this platform.
pub fn image(
    transport: Transport,
    path: &Path,
    reference: Option<&str>,
    scratch: &Path,
) -> Result<Vec<Stored>, Refused> {
    let out = Destination { path: &scratch.join("bundle"), part_size: None };
    let mut store = BlobStore::new(out, 1, Encoding::Zstd)?;
    let registries = Registries::new(RegistryArgs::default(), Console::unattended());
    let archives = Archives::new(Console::unattended());
    let packed = PackContext {
        store: &mut store,
        registries: &registries,
        archives: &archives,
        console: Console::unattended(),
        platform: Platform { architecture: Arch::Amd64.name().to_owned(), os: Os::Linux.name().to_owned() },
        created: None,
        mtime: 0,
    }
    .run(&job(transport, path, reference)?)?;
    let layers = packed.into_iter().flat_map(|image| image.layers);
    layers.map(|layer| stored(layer, &store)).collect()
}

fn job(transport: Transport, path: &Path, reference: Option<&str>) -> Result<SourceJob, Refused> {
    let line = DefinitionLine { file: PathBuf::from("acme.toml"), number: 1 };
    let images = vec![RequestedImage { image: "app".parse()?, reference: reference.map(str::to_owned), line }];
    let path = path.to_owned();
    let source = match transport {
        Transport::DockerArchive => Source::DockerArchive(ArchivePath::File(path)),
        Transport::OciArchive => Source::OciArchive(ArchivePath::File(path)),
        Transport::OciFolder => Source::OciFolder(path),
    };
    Ok(SourceJob { source, images })
}

fn stored(layer: Layer, store: &BlobStore) -> Result<Stored, Refused> {
    let blob = store.read(&layer.blob)?;
    Ok((layer, blob))
}
