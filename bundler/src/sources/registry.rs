//! `docker://`: images of registries. Their manifests and layers are stored as they are, so that an image keeps its digest; what is read
//! is checked as that of an OCI image layout is. All layers of all images are one pool, from which several are pulled at a time.

use super::content_kind::ContentKind;
use super::image::{ImageOutline, PackedImages};
use super::oci::{self, Layout, Wanted};
use super::{ImageError, PackContext, SourceError};
use crate::plan::RequestedImage;
use crate::registry::{BlobReader, Registries, Repository};
use landfall_manifests::Encoding;
use landfall_manifests::oci::{Descriptor, ImageIndex, Platform, REF_NAME};
use std::io::Read;
use std::thread;

/// Layers that are pulled at a time: a connection rarely fills a line, and their buffers have to fit into 64 MiB.
const AT_A_TIME: usize = 8;

/// Takes images from their registries.
pub(super) fn pack(requested: &[RequestedImage], packing: &mut PackContext<'_>) -> Result<PackedImages, ImageError> {
    let repositories = repositories(requested, packing.registries)?;
    oci::pack(&wanted(&repositories, requested), "Pulling from registries", packing)
}

/// Looks for images in their registries.
pub(super) fn find(
    requested: &[RequestedImage],
    registries: &Registries,
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    let repositories = repositories(requested, registries)?;
    let wanted = wanted(&repositories, requested);
    // Several at a time, since most of it is to wait. Of several errors, the first image's is told.
    let at_a_time = wanted.len().div_ceil(AT_A_TIME).max(1);
    let found = thread::scope(|scope| {
        let find = |wanted| scope.spawn(move || oci::find(wanted, platform));
        let threads: Vec<_> = wanted.chunks(at_a_time).map(find).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    });
    Ok(found?.into_iter().flatten().collect())
}

fn repositories<'a>(
    requested: &[RequestedImage],
    registries: &'a Registries,
) -> Result<Vec<Repository<'a>>, ImageError> {
    let repository = |requested: &RequestedImage| {
        let reference = requested.reference.as_deref().unwrap_or_default().parse();
        reference.map(|reference| registries.repository(reference)).map_err(|error| requested.error(error))
    };
    requested.iter().map(repository).collect()
}

fn wanted<'a>(repositories: &'a [Repository<'a>], requested: &'a [RequestedImage]) -> Vec<Wanted<'a, Repository<'a>>> {
    repositories.iter().zip(requested).map(|(layout, requested)| Wanted { layout, requested }).collect()
}

/// A repository is a layout with one image, or with one for each platform: that of the reference.
impl Layout for Repository<'_> {
    fn index(&self) -> Result<ImageIndex, SourceError> {
        let mut descriptor = self.resolve()?;
        descriptor.annotations.insert(REF_NAME.to_owned(), self.reference().to_string());
        Ok(ImageIndex::new(vec![descriptor]))
    }

    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + '_>, SourceError> {
        Ok(Box::new(BlobReader::new(self, blob)))
    }

    fn read(&self, blob: &Descriptor) -> Result<Vec<u8>, SourceError> {
        Ok(self.document(blob)?)
    }

    /// By its media type, since a look at the content would cost a request. The content decides when it is there.
    fn kind(&self, layer: &Descriptor) -> Result<ContentKind, SourceError> {
        let media_type = layer.media_type.as_str();
        Ok(match () {
            () if media_type.ends_with("zstd") => ContentKind::Compressed(Encoding::Zstd),
            () if media_type.rsplit('.').next() == Some("tar") => ContentKind::Tar,
            () => ContentKind::Compressed(Encoding::Gzip),
        })
    }

    fn at_a_time(&self) -> usize {
        AT_A_TIME
    }

    fn distrust(&self, times: usize) -> bool {
        Repository::distrust(self, times)
    }
}
