//! Where images and files come from. Each transport turns its input into blobs and a [`PackedImage`]; what they have in
//! common lies in `image` and `layer_kind`.

mod docker_archive;
mod docker_daemon;
mod error;
mod files;
mod image;
mod layer_kind;
mod oci;
mod rootfs;
mod secret_key;
mod tar_reader;

pub(crate) use error::{ImageError, SourceError};
pub(crate) use files::{FileError, pack as pack_files};

use crate::plan::{Job, Plan};
use crate::store::BlobStore;
use image::PackedImages;
use landfall_console::Console;
use landfall_manifests::{Digest, ImageName, Layer, oci::Platform};

/// An image whose blobs are in the store.
#[derive(Debug)]
pub(crate) struct PackedImage {
    pub(crate) name: ImageName,
    /// Of its manifest.
    pub(crate) media_type: String,
    pub(crate) manifest: Digest,
    pub(crate) config: Digest,
    pub(crate) layers: Vec<Layer>,
}

/// What all transports need.
pub(crate) struct Work<'a> {
    pub(crate) store: &'a mut BlobStore,
    pub(crate) console: Console,
    pub(crate) platform: Platform,
    /// RFC 3339, for the configuration of images made here.
    pub(crate) created: Option<String>,
    /// Seconds since 1970, for the files of images made here.
    pub(crate) mtime: u64,
}

impl<'a> Work<'a> {
    /// The work of `plan`, into `store`.
    pub(crate) fn new(plan: &Plan, store: &'a mut BlobStore, console: Console) -> Self {
        let architecture = plan.release.arch.name().to_owned();
        let platform = Platform { architecture, os: landfall_manifests::Os::Linux.name().to_owned() };
        Self { store, console, platform, created: plan.release.created.clone(), mtime: plan.mtime }
    }

    /// Takes the images of one source into the store.
    pub(crate) fn run(&mut self, job: &Job) -> Result<PackedImages, ImageError> {
        match job {
            Job::OciFolder { folder, wanted } => oci::pack_folder(folder, wanted, self),
            Job::OciArchive { file, wanted } => oci::pack_archive(file, wanted, self),
            Job::DockerArchive { file, wanted } => docker_archive::pack_file(file, wanted, self),
            Job::DockerDaemon { wanted } => docker_daemon::pack(wanted, self),
            Job::Rootfs { folder, process, wanted } => rootfs::pack(folder, process, wanted, self),
        }
    }
}
