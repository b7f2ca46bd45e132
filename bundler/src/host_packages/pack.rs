//! From the files of packages to blobs.

use super::error::{PackageError, PackageFault};
use super::{ChosenPackage, FoundPackage, Place};
use crate::blob_store::{BlobStore, CHUNK};
use landfall_console::Progress;
use landfall_manifests::{Digest, Encoding, Package};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// The packages as a release will list them, but for their blobs, which are not known yet.
pub(crate) fn outline(chosen: &[ChosenPackage<'_>]) -> Vec<Package> {
    chosen.iter().map(|package| described(package, package.digest)).collect()
}

/// Packs packages that were found.
pub(crate) fn pack(
    found: &[FoundPackage<'_>],
    store: &mut BlobStore,
    progress: &Progress,
) -> Result<Vec<Package>, PackageError> {
    let pack = |package: &FoundPackage<'_>| {
        let blob = blob_of(package, store, progress).map_err(|fault| package.chosen.section.error(fault))?;
        Ok(described(&package.chosen, blob))
    };
    found.iter().map(pack).collect()
}

fn blob_of(package: &FoundPackage<'_>, store: &mut BlobStore, progress: &Progress) -> Result<Digest, PackageFault> {
    let chosen = &package.chosen;
    let path = match &chosen.place {
        Place::File(path) => path.clone(),
        Place::Mirror(url) => PathBuf::from(url.as_str()),
    };
    let mut packer = store.compressor(Some(chosen.size))?;
    let mut content = progress.reader(&package.content);
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match io::Read::read(&mut content, &mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(PackageFault::Read { path, source }),
        };
        packer.write_all(&buffer[..read]).map_err(|error| packer.failed(error))?;
    }
    let stored = packer.keep()?;
    // It was hashed when it was found.
    if (stored.digest, stored.size) == (chosen.digest, chosen.size) {
        Ok(stored.blob)
    } else {
        Err(PackageFault::Changed(path))
    }
}

fn described(chosen: &ChosenPackage<'_>, blob: Digest) -> Package {
    Package {
        system: chosen.section.system.clone(),
        name: chosen.candidate.name.clone(),
        version: chosen.candidate.version.clone(),
        architecture: chosen.candidate.architecture.clone(),
        digest: chosen.digest,
        size: chosen.size,
        installed: chosen.candidate.installed,
        blob,
        encoding: Encoding::Zstd,
    }
}
