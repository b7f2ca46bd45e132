//! Which sources are read, in which order, and which images are taken from each.

use crate::definition::{DefinitionLine, ImageSection, ImageSource, Process};
use landfall_manifests::ImageName;
use std::path::PathBuf;

/// One image of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestedImage {
    pub(crate) image: ImageName,
    /// Its name in the source; without one, the source must hold one image only.
    pub(crate) reference: Option<String>,
    pub(crate) line: DefinitionLine,
}

/// One source and the images that are taken from it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SourceJob {
    OciFolder { folder: PathBuf, images: Vec<RequestedImage> },
    OciArchive { file: PathBuf, images: Vec<RequestedImage> },
    DockerArchive { file: PathBuf, images: Vec<RequestedImage> },
    DockerDaemon { images: Vec<RequestedImage> },
    Rootfs { folder: PathBuf, process: Process, images: Vec<RequestedImage> },
}

/// Groups images by the source that they are read from, so that nothing is read twice. OCI layouts come first: their layers
/// are stored unchanged, and images whose manifests are made here can share them.
pub(super) fn jobs(images: &[ImageSection]) -> Vec<SourceJob> {
    let mut jobs: Vec<SourceJob> = Vec::new();
    for image in images {
        let job = SourceJob::of(image);
        match jobs.iter_mut().find(|known| known.reads_the_same_as(&job)) {
            Some(known) => known.images_mut().extend(job.images().iter().cloned()),
            None => jobs.push(job),
        }
    }
    jobs.sort_by_key(SourceJob::rank);
    jobs
}

impl SourceJob {
    fn of(image: &ImageSection) -> Self {
        let request = |reference: Option<&String>| {
            let (image, line) = (image.name.clone(), image.line.clone());
            vec![RequestedImage { image, reference: reference.cloned(), line }]
        };
        match &image.source {
            ImageSource::OciFolder { folder, name } => {
                Self::OciFolder { folder: folder.clone(), images: request(name.as_ref()) }
            }
            ImageSource::OciArchive { file, name } => {
                Self::OciArchive { file: file.clone(), images: request(name.as_ref()) }
            }
            ImageSource::DockerArchive { file, reference } => {
                Self::DockerArchive { file: file.clone(), images: request(reference.as_ref()) }
            }
            ImageSource::DockerDaemon { reference } => Self::DockerDaemon { images: request(Some(reference)) },
            ImageSource::Rootfs { folder } => {
                Self::Rootfs { folder: folder.clone(), process: image.process.clone(), images: request(None) }
            }
        }
    }

    /// What is taken from the source: at least one image.
    pub(crate) fn images(&self) -> &[RequestedImage] {
        match self {
            Self::OciFolder { images, .. }
            | Self::OciArchive { images, .. }
            | Self::DockerArchive { images, .. }
            | Self::DockerDaemon { images }
            | Self::Rootfs { images, .. } => images,
        }
    }

    fn images_mut(&mut self) -> &mut Vec<RequestedImage> {
        match self {
            Self::OciFolder { images, .. }
            | Self::OciArchive { images, .. }
            | Self::DockerArchive { images, .. }
            | Self::DockerDaemon { images }
            | Self::Rootfs { images, .. } => images,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::OciFolder { .. } => 0,
            Self::OciArchive { .. } => 1,
            Self::DockerArchive { .. } => 2,
            Self::DockerDaemon { .. } => 3,
            Self::Rootfs { .. } => 4,
        }
    }

    fn reads_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OciFolder { folder: a, .. }, Self::OciFolder { folder: b, .. })
            | (Self::OciArchive { file: a, .. }, Self::OciArchive { file: b, .. })
            | (Self::DockerArchive { file: a, .. }, Self::DockerArchive { file: b, .. }) => a == b,
            (Self::DockerDaemon { .. }, Self::DockerDaemon { .. }) => true,
            // Two images of one folder may run different programs: each is packed by itself.
            _ => false,
        }
    }
}
