//! The index of a folder of bundles.

use crate::regular;
use landfall_host::durable;
use landfall_keys::RootLink;
use landfall_manifests::parts::parse_part_name;
use landfall_manifests::{BundleIndex, Digest, IndexError, IndexedBundle, Product, ReleaseError, SignedIndex, limits};
use landfall_media::{BundleError, UnverifiedBundle};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// A folder cannot be indexed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderIndexError {
    #[error("list {}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("there is no bundle in {}", path.display())]
    Empty { path: PathBuf },
    #[error("{file} is of {found}, and others there are of {product}: an index is of one product")]
    Product { file: String, product: Product, found: Product },
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error("{file} is damaged")]
    Release { file: String, source: ReleaseError },
    #[error("{} already exists and is no index: it is not replaced", path.display())]
    NotAnIndex { path: PathBuf },
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Write(#[from] durable::PathError),
}

/// The index that is there already.
pub(crate) fn there(path: &Path) -> Result<Option<SignedIndex>, FolderIndexError> {
    match regular::read(path, limits::INDEX_BYTES) {
        Ok(file) => match SignedIndex::parse(&file) {
            Ok(there) => Ok(Some(there)),
            Err(_) => Err(FolderIndexError::NotAnIndex { path: path.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderIndexError::Read { path: path.to_owned(), source }),
    }
}

/// What is in a folder, as the bundles' heads say, and the longest chain of trust roots that one of them brings.
pub(crate) fn of(folder: &Path) -> Result<(BundleIndex, Vec<RootLink>), FolderIndexError> {
    let (mut bundles, mut trust, mut product) = (Vec::new(), Vec::new(), None::<Product>);
    for file in names(folder)? {
        let opened = UnverifiedBundle::open(&folder.join(&file), &[])?;
        let signed = opened.head().clone().into_signed_without_verifying();
        let signed = signed.map_err(|source| FolderIndexError::Release { file: file.clone(), source })?;
        let release = signed.release();
        // A patch and a bundle without what its base has are for hosts that asked for them.
        if opened.is_patch() || release.base.is_some() {
            continue;
        }
        let product = product.get_or_insert_with(|| release.product.clone());
        if *product != release.product {
            let (product, found) = (product.clone(), release.product.clone());
            return Err(FolderIndexError::Product { file, product, found });
        }
        if trust.len() < release.trust.len() {
            trust.clone_from(&release.trust);
        }
        bundles.push(IndexedBundle::of(file, release, Digest::of(signed.bytes()), signed.bundle_bytes()));
    }
    let product = product.ok_or_else(|| FolderIndexError::Empty { path: folder.to_owned() })?;
    Ok((BundleIndex::new(product, bundles)?, trust))
}

/// The names of the bundles in a folder: of those in parts, without `.partNNN`.
fn names(folder: &Path) -> Result<BTreeSet<String>, FolderIndexError> {
    let failed = |source| FolderIndexError::List { path: folder.to_owned(), source };
    let mut names = BTreeSet::new();
    for entry in folder.read_dir().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy();
        let whole = parse_part_name(&name).map_or(&*name, |(whole, _)| whole);
        let is_bundle = whole.ends_with(".landfall.tar") && !whole.starts_with('.');
        names.extend(is_bundle.then(|| whole.to_owned()));
    }
    Ok(names)
}
