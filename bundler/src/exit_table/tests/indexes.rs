//! Samples of the errors of indexes of bundles.

use super::{at, io};
use crate::error::Error;
use crate::folder_index::FolderIndexError;
use landfall_manifests::{IndexError, ReleaseError};
use landfall_media::{BundleError, MediaError};

/// Errors of `index`.
pub(super) fn all() -> Vec<Error> {
    let product = |name: &str| name.parse().unwrap();
    vec![
        FolderIndexError::List { path: at("mirror"), source: io() }.into(),
        FolderIndexError::Empty { path: at("mirror") }.into(),
        FolderIndexError::Product { file: "b.tar".to_owned(), product: product("acme"), found: product("other") }
            .into(),
        FolderIndexError::Bundle(BundleError::Media(MediaError::NotAFile(at("b.tar")))).into(),
        FolderIndexError::Release { file: "b.tar".to_owned(), source: ReleaseError::Problems(Vec::new()) }.into(),
        FolderIndexError::NotAnIndex { path: at("mirror/landfall-index.json") }.into(),
        FolderIndexError::Read { path: at("mirror/landfall-index.json"), source: io() }.into(),
        FolderIndexError::Index(IndexError::Signatures).into(),
        FolderIndexError::Index(IndexError::Bundles).into(),
    ]
}
