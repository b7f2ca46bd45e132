//! Images on their way into a bundle, and out of it again on a host.

use crate::ReadOutcome;
use landfall_bundler::readers::{Refused, Stored, Transport, image};
use landfall_installer::readers::blob;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A name by which images are asked for where an archive has several.
pub(crate) const REFERENCE: &str = "app:1";

/// Takes the only image of an archive, or the one of that name. What the bundler stores, the installer has to unpack.
pub(crate) fn archive(transport: Transport, input: &[u8]) -> ReadOutcome {
    let folder = folder();
    let path = folder.path().join("image.tar");
    fs::write(&path, input).expect("the temporary folder takes a file");
    ReadOutcome::from(at(transport, &path, folder.path()))
}

/// Takes the only image at a path, or the one of that name.
pub(crate) fn at(transport: Transport, path: &Path, scratch: &Path) -> Result<Vec<Stored>, Refused> {
    let layers = image(transport, path, None, scratch).or_else(|_| image(transport, path, Some(REFERENCE), scratch))?;
    for (layer, stored) in &layers {
        let content = blob(stored.clone(), layer.encoding, layer.diff_id, layer.size);
        assert!(content.is_ok(), "the installer cannot unpack a layer that the bundler took: {content:?}");
    }
    Ok(layers)
}

/// A folder for the length of one input.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for temporary files")
}
