//! Which sources are read, in which order, and which images are taken from each.

use crate::definition::{ArchivePath, DefinitionLine, ImageSection, ImageSource, Owners, Process};
use landfall_manifests::ImageName;
use std::path::PathBuf;

/// One image of a source, or the base of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestedImage {
    /// What it is called in the release; a base is called as the image that is built on it.
    pub(crate) image: ImageName,
    /// Its name in the source; without one, the source must hold one image only.
    pub(crate) reference: Option<String>,
    pub(crate) line: DefinitionLine,
}

/// A place that images are read from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// All registries, whose images share their connections.
    Registry,
    OciFolder(PathBuf),
    OciArchive(ArchivePath),
    /// A folder as skopeo writes it.
    Directory(PathBuf),
    DockerArchive(ArchivePath),
    DockerDaemon,
    /// Images of one folder that run different programs are packed each by itself.
    Rootfs {
        folder: PathBuf,
        /// Boxed, since few images are made from folders and it is large.
        process: Box<Process>,
        owners: Owners,
    },
}

/// One source and the images that are taken from it, of which there is at least one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SourceJob {
    pub(crate) source: Source,
    pub(crate) images: Vec<RequestedImage>,
}

/// Groups images by the source that they are read from, so that nothing is read twice. Registries and OCI layouts come first: their layers
/// are stored unchanged, and images whose manifests are made here can share them.
pub(super) fn jobs(images: &[ImageSection]) -> Vec<SourceJob> {
    let mut jobs: Vec<SourceJob> = Vec::new();
    for image in images {
        let (source, reference) = Source::of(image);
        let requested = RequestedImage { image: image.name.clone(), reference, line: image.line.clone() };
        match jobs.iter_mut().find(|job| job.source == source) {
            Some(job) => job.images.push(requested),
            None => jobs.push(SourceJob { source, images: vec![requested] }),
        }
    }
    jobs.sort_by_key(|job| job.source.rank());
    jobs
}

impl Source {
    /// Where an image is read from, and its name there.
    fn of(image: &ImageSection) -> (Self, Option<String>) {
        match image.source.clone() {
            ImageSource::Registry { reference } => (Self::Registry, Some(reference.to_string())),
            ImageSource::OciFolder { folder, name } => (Self::OciFolder(folder), name),
            ImageSource::OciArchive { file, name } => (Self::OciArchive(file), name),
            ImageSource::Directory { folder } => (Self::Directory(folder), None),
            ImageSource::DockerArchive { file, reference } => (Self::DockerArchive(file), reference),
            ImageSource::DockerDaemon { reference } => (Self::DockerDaemon, Some(reference)),
            ImageSource::Rootfs { folder } => {
                // What is said of an image on a base is not said of the base.
                let process = if image.additions.is_some() { Process::default() } else { image.process.clone() };
                (Self::Rootfs { folder, process: Box::new(process), owners: image.owners }, None)
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Registry => 0,
            Self::OciFolder(_) => 1,
            Self::OciArchive(_) => 2,
            Self::Directory(_) => 3,
            Self::DockerArchive(_) => 4,
            Self::DockerDaemon => 5,
            Self::Rootfs { .. } => 6,
        }
    }
}
