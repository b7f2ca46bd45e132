use super::layout::{Layout, file_in, small};
use crate::blob_store::BlobFile;
use crate::regular;
use crate::sources::SourceError;
use crate::sources::image::parse_json;
use landfall_manifests::oci::{self, Descriptor, ImageIndex};
use landfall_manifests::{Digest, limits};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::Read;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";

/// A folder as `skopeo copy` writes it to `dir:`: one image, or one for each platform, each blob in a file that is called by the digits
/// of its digest.
#[derive(Debug)]
pub(super) struct Directory {
    folder: PathBuf,
    /// `manifest.json`.
    manifest: Descriptor,
}

/// What a manifest says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    #[serde(default)]
    media_type: String,
    manifests: Option<IgnoredAny>,
}

impl Directory {
    pub(super) fn open(folder: &Path) -> Result<Self, SourceError> {
        let bytes = small(file_in(folder, MANIFEST)?)?;
        if bytes.len() as u64 > limits::IMAGE_JSON_BYTES {
            let limit = landfall_console::Size(limits::IMAGE_JSON_BYTES);
            return Err(SourceError::TooLarge { what: MANIFEST.to_owned(), limit });
        }
        let claims: Claims = parse_json(MANIFEST, &bytes)?;
        // OCI's own form may leave its media type out (OCI image specification, "Image Manifest Property Descriptions").
        let media_type = match (claims.media_type.as_str(), claims.manifests) {
            ("", Some(_)) => oci::INDEX,
            ("", None) => oci::MANIFEST,
            (said, _) => said,
        };
        let manifest = Descriptor::new(media_type, Digest::of(&bytes), bytes.len() as u64);
        Ok(Self { folder: folder.to_owned(), manifest })
    }
}

impl Layout for Directory {
    fn index(&self) -> Result<ImageIndex, SourceError> {
        Ok(ImageIndex::new(vec![self.manifest.clone()]))
    }

    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + '_>, SourceError> {
        let digits = blob.digest.hex();
        let is_manifest =
            [oci::MANIFEST, oci::INDEX, oci::DOCKER_MANIFEST, oci::DOCKER_INDEX].contains(&blob.media_type.as_str());
        let name = match () {
            () if blob.digest == self.manifest.digest => MANIFEST.to_owned(),
            // Those of the platforms.
            () if is_manifest => format!("{digits}.manifest.json"),
            () => digits,
        };
        Ok(Box::new(file_in(&self.folder, &name)?))
    }

    fn blob_file(&self, blob: &Descriptor) -> Option<BlobFile> {
        let path = self.folder.join(blob.digest.hex());
        let (_, found) = regular::open(&path).ok()?;
        (found.len() == blob.size).then_some(BlobFile { path, offset: 0 })
    }
}
