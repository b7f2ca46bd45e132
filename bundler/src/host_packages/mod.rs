//! Packages that bring a host its container engine: from `.deb` files, or by name from a Debian mirror with all that they need.
//!
//! - `deb_file`, `stanza` and `relation` read what comes from outside, within bounds; `resolve` and `order` decide. All pure.
//! - `repository` asks a mirror, and believes it only what follows from its signature (`signature`); `fetch` is how files are got.
//! - Here, the packages of a plan are chosen, got, and packed into blobs.

mod candidate;
mod deb_file;
mod error;
mod fetch;
mod order;
mod pack;
pub(crate) mod reader;
mod relation;
mod repository;
mod resolve;
mod signature;
mod stanza;

#[cfg(test)]
pub(crate) use error::failed;
pub(crate) use error::{PackageError, PackageFault};
pub(crate) use pack::{outline, pack};
pub(crate) use resolve::ResolveError;

use crate::blob_store::BlobStore;
use crate::definition::{Mirror, PackageOrigin, PackageSection};
use crate::plan::Plan;
use crate::registry::Registries;
use crate::regular;
use candidate::Candidate;
use fetch::Fetcher;
use landfall_console::Console;
use landfall_manifests::{Arch, Digest};
use std::fs::File;
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};
use url::Url;

/// How the name of a package's file ends.
const SUFFIX: &str = "deb";

/// A package that is to be part of the release. Its file may have to be got yet.
pub(crate) struct ChosenPackage<'a> {
    section: &'a PackageSection,
    candidate: Candidate,
    place: Place,
    size: u64,
    digest: Digest,
}

/// Where a package's file is.
enum Place {
    File(PathBuf),
    Mirror(Url),
}

/// A package whose file is there.
pub(crate) struct FoundPackage<'a> {
    chosen: ChosenPackage<'a>,
    content: File,
}

impl PackageSection {
    fn error(&self, source: impl Into<PackageFault>) -> PackageError {
        PackageError { line: self.line.clone(), system: self.system.clone(), source: Box::new(source.into()) }
    }
}

/// Chooses the packages of the plan, those of each system in the order in which they are installed. Mirrors are asked for what they have, and for no
/// package yet.
pub(crate) fn choose<'a>(
    plan: &'a Plan,
    registries: &Registries,
    console: Console,
) -> Result<Vec<ChosenPackage<'a>>, PackageError> {
    let arch = plan.release.arch;
    let mut sections: Vec<&PackageSection> = plan.packages.iter().collect();
    // By system; the order of the definition within it does not show either.
    sections.sort_by(|one, other| one.system.cmp(&other.system));
    let mut chosen: Vec<ChosenPackage<'a>> = Vec::new();
    for of_system in sections.chunk_by(|one, other| one.system == other.system) {
        let mut packages = Vec::new();
        for section in of_system {
            let found = match &section.origin {
                PackageOrigin::Files(source) => given(section, &source.path, arch),
                PackageOrigin::Names { names, mirror } => {
                    let registries = registries.of_mirror(&mirror.url);
                    let fetcher = Fetcher { registries: &registries };
                    offered(section, repository::choose(mirror, names, arch, &fetcher, console))
                }
            };
            packages.extend(found.map_err(|fault| section.error(fault))?);
        }
        chosen.extend(sorted(packages)?);
    }
    Ok(chosen)
}

/// The packages that a mirror offers.
fn offered(
    section: &PackageSection,
    offered: Result<Vec<repository::Offered>, PackageFault>,
) -> Result<Vec<ChosenPackage<'_>>, PackageFault> {
    let of = |offered: repository::Offered| ChosenPackage {
        section,
        candidate: offered.candidate,
        place: Place::Mirror(offered.url),
        size: offered.size,
        digest: offered.digest,
    };
    Ok(offered?.into_iter().map(of).collect())
}

/// Packages of one system in the order in which they are installed, each once.
fn sorted(mut packages: Vec<ChosenPackage<'_>>) -> Result<Vec<ChosenPackage<'_>>, PackageError> {
    packages.sort_by(|one, other| one.candidate.name.cmp(&other.candidate.name));
    let twice = |pair: &[ChosenPackage<'_>]| {
        pair[0].candidate.name == pair[1].candidate.name && pair[0].digest != pair[1].digest
    };
    if let Some(pair) = packages.windows(2).find(|pair| twice(pair)) {
        return Err(pair[1].section.error(PackageFault::Twice(pair[1].candidate.name.clone())));
    }
    packages.dedup_by(|second, first| second.candidate.name == first.candidate.name);
    let candidates: Vec<Candidate> = packages.iter().map(|package| package.candidate.clone()).collect();
    let mut places: Vec<Option<ChosenPackage<'_>>> = packages.into_iter().map(Some).collect();
    Ok(order::in_order(&candidates).into_iter().filter_map(|index| places[index].take()).collect())
}

/// The packages in a file, or in the files of a folder whose names end as those of packages do.
fn given<'a>(section: &'a PackageSection, path: &Path, arch: Arch) -> Result<Vec<ChosenPackage<'a>>, PackageFault> {
    let read = |path: &Path, source| PackageFault::Read { path: path.to_owned(), source };
    let is_folder = path.metadata().map_err(|source| read(path, source))?.is_dir();
    if !is_folder {
        return Ok(vec![given_file(section, path, arch)?]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|source| read(path, source))? {
        let file = entry.map_err(|source| read(path, source))?.path();
        if file.extension().is_some_and(|extension| extension == SUFFIX) {
            files.push(file);
        }
    }
    // In an order of their own, since readdir(3) has none: of several errors, the same one is told first.
    files.sort();
    if files.is_empty() {
        return Err(PackageFault::None(path.to_owned()));
    }
    files.iter().map(|file| given_file(section, file, arch)).collect()
}

fn given_file<'a>(section: &'a PackageSection, path: &Path, arch: Arch) -> Result<ChosenPackage<'a>, PackageFault> {
    let (candidate, mut file) = opened(path)?;
    if ![arch.name(), "all"].contains(&candidate.architecture.as_str()) {
        let place = path.display().to_string();
        return Err(PackageFault::Architecture { place, found: candidate.architecture, requested: arch.name() });
    }
    let hashed = file.rewind().and_then(|()| Digest::of_reader(&file));
    let (digest, size) = hashed.map_err(|source| PackageFault::Read { path: path.to_owned(), source })?;
    Ok(ChosenPackage { section, candidate, place: Place::File(path.to_owned()), size, digest })
}

fn opened(path: &Path) -> Result<(Candidate, File), PackageFault> {
    let read = |source| PackageFault::Read { path: path.to_owned(), source };
    let (file, _) = regular::open(path).map_err(read)?;
    let candidate = deb_file::read(io::BufReader::new(&file))
        .map_err(|reason| PackageFault::NotADeb { path: path.to_owned(), reason })?;
    Ok((candidate, file))
}

/// Gets the files of the packages, those of a mirror into files without names beside the bundle.
pub(crate) fn fetch<'a>(
    chosen: Vec<ChosenPackage<'a>>,
    registries: &Registries,
    store: &BlobStore,
    console: Console,
) -> Result<Vec<FoundPackage<'a>>, PackageError> {
    let progress = chosen.iter().any(|package| matches!(package.place, Place::Mirror(_)));
    let total = chosen.iter().map(|package| package.size).sum();
    let progress = progress.then(|| console.progress("Downloading packages", Some(total)));
    let mut found = Vec::new();
    for package in chosen {
        let content = content(&package, registries, store).map_err(|fault| package.section.error(fault))?;
        if let Some(progress) = &progress {
            progress.add(package.size);
        }
        found.push(FoundPackage { chosen: package, content });
    }
    if let Some(progress) = progress {
        progress.finish();
    }
    Ok(found)
}

fn content(package: &ChosenPackage<'_>, registries: &Registries, store: &BlobStore) -> Result<File, PackageFault> {
    let url = match &package.place {
        Place::File(path) => {
            let opened = regular::open(path).map(|(file, _)| file);
            return opened.map_err(|source| PackageFault::Read { path: path.clone(), source });
        }
        Place::Mirror(url) => url,
    };
    let mut file = store.temporary_file()?;
    let registries = registries.of_mirror(url);
    Fetcher { registries: &registries }.get_known(url, &mut file, package.size, package.digest)?;
    Ok(file)
}

impl Mirror {
    /// The address of something below the mirror's.
    fn address(&self, path: &str) -> Url {
        self.url.join(path).unwrap_or_else(|_| self.url.clone())
    }
}
