//! Where images and files come from. Each transport turns its input into blobs and a [`PackedImage`]; what they have in
//! common is in `image` and `content_kind`.

mod archives;
mod attributes;
mod beneath;
mod config_document;
mod content_kind;
mod decompressed;
mod derived;
mod docker_archive;
mod docker_daemon;
mod error;
mod evidence;
mod file_range;
mod files;
mod image;
mod layer_writer;
mod oci;
mod read_ahead;
mod registry;
mod rootfs;
mod secret_key;
mod tar_reader;

pub(crate) use archives::Archives;
pub(crate) use decompressed::{Compression, Unpacked};
pub(crate) use derived::AddError;
pub(crate) use error::{ImageError, SourceError};
pub(crate) use evidence::{EvidenceFile, find as find_evidence};
#[cfg(test)]
pub(crate) use files::SETTINGS_BYTES;
pub(crate) use files::{
    FileError, FoundFile, PackedFiles, check_secrets, download as download_files, find as find_files,
    find_all as find_all_files, pack as pack_files, with_made,
};
pub(crate) use image::ImageOutline;

use crate::blob_store::BlobStore;
use crate::plan::{DerivedImage, Plan, RequestedImage, Source, SourceJob};
use crate::registry::Registries;
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
pub(crate) struct PackContext<'a> {
    pub(crate) store: &'a mut BlobStore,
    pub(crate) console: Console,
    pub(crate) registries: &'a Registries,
    pub(crate) archives: &'a Archives,
    pub(crate) platform: Platform,
    /// RFC 3339, for the configuration of images made here.
    pub(crate) created: Option<String>,
    /// Seconds since 1970, for the files of images made here.
    pub(crate) mtime: u64,
}

impl<'a> PackContext<'a> {
    /// What packing `plan` into `store` needs.
    pub(crate) fn new(
        plan: &Plan,
        store: &'a mut BlobStore,
        registries: &'a Registries,
        archives: &'a Archives,
        console: Console,
    ) -> Self {
        let created = plan.release.created.clone();
        Self { store, console, registries, archives, platform: platform(plan), created, mtime: plan.mtime }
    }

    /// Takes the images of one source into the store.
    pub(crate) fn run(&mut self, job: &SourceJob) -> Result<PackedImages, ImageError> {
        let images = &job.images;
        match &job.source {
            Source::Registry => registry::pack(images, self),
            Source::OciFolder(folder) => oci::pack_folder(folder, images, self),
            Source::OciArchive(file) => oci::pack_archive(file, images, self),
            Source::Directory(folder) => oci::pack_directory(folder, images, self),
            Source::DockerArchive(file) => docker_archive::pack_file(file, images, self),
            Source::DockerDaemon => docker_daemon::pack(images, self),
            Source::Rootfs { folder, process, owners } => rootfs::pack(folder, process, (*owners).into(), images, self),
        }
    }

    /// Builds images on the bases among `images`, and puts them into their places.
    pub(crate) fn derive(&mut self, derived: &[DerivedImage], images: &mut [PackedImage]) -> Result<(), ImageError> {
        for image in derived {
            for packed in images.iter_mut().filter(|packed| packed.name == image.base.image) {
                *packed = derived::pack(image, packed, self).map_err(|error| image.base.error(error))?;
            }
        }
        Ok(())
    }
}

/// Looks for every image of the plan in its source, and reads its documents where that takes no time, so that what is missing is
/// told before anything is packed.
pub(crate) fn find_images(
    plan: &Plan,
    registries: &Registries,
    archives: &Archives,
    store: &BlobStore,
) -> Result<Vec<ImageOutline>, ImageError> {
    let platform = platform(plan);
    let mut found = Vec::new();
    for SourceJob { source, images } in &plan.jobs {
        found.extend(find_in(source, images, registries, &platform, (archives, Some(store)))?);
    }
    derived::find(&plan.derived, &mut found, &platform)?;
    Ok(found)
}

/// The same with all images that cannot be found, and not the first of them alone.
pub(crate) fn find_all_images(plan: &Plan, registries: &Registries) -> (Vec<ImageOutline>, Vec<ImageError>) {
    let (archives, platform) = (Archives::new(Console::unattended()), platform(plan));
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for SourceJob { source, images } in &plan.jobs {
        // Each by itself only where it has to be: a source is opened once for all of its images.
        let outcomes = match find_in(source, images, registries, &platform, (&archives, None)) {
            Err(_) if images.len() > 1 => {
                let one =
                    |image| find_in(source, std::slice::from_ref(image), registries, &platform, (&archives, None));
                images.iter().map(one).collect()
            }
            outcome => vec![outcome],
        };
        for outcome in outcomes {
            match outcome {
                Ok(outlines) => found.extend(outlines),
                Err(error) => errors.push(error),
            }
        }
    }
    for image in &plan.derived {
        if let Err(error) = derived::find(std::slice::from_ref(image), &mut found, &platform) {
            errors.push(error);
            // What is there is the base alone.
            found.retain(|outline| outline.name != image.base.image);
        }
    }
    (found, errors)
}

/// Looks for images in their source. What has to be unpacked is looked into only where there is a store, beside whose files it may lie.
fn find_in(
    source: &Source,
    images: &[RequestedImage],
    registries: &Registries,
    platform: &Platform,
    (archives, store): (&Archives, Option<&BlobStore>),
) -> Result<Vec<ImageOutline>, ImageError> {
    match source {
        Source::Registry => registry::find(images, registries, platform),
        Source::OciFolder(folder) => oci::find_in_folder(folder, images, platform),
        Source::OciArchive(file) => oci::find_in_archive(archives.open(file, store), images, platform),
        Source::Directory(folder) => oci::find_in_directory(folder, images, platform),
        Source::DockerArchive(file) => {
            docker_archive::find_in_file(docker_archive::open(file, archives, store), images, platform)
        }
        Source::DockerDaemon => docker_daemon::find(images),
        Source::Rootfs { folder, process, .. } => rootfs::find(folder, process, images, platform),
    }
}

/// Looks for those images of the plan that are in registries.
pub(crate) fn find_in_registries(plan: &Plan, registries: &Registries) -> Result<(), ImageError> {
    let jobs = plan.jobs.iter().filter(|job| job.source == Source::Registry);
    for SourceJob { images, .. } in jobs {
        registry::find(images, registries, &platform(plan))?;
    }
    Ok(())
}

/// Where the plan's images have to run.
fn platform(plan: &Plan) -> Platform {
    let architecture = plan.release.arch.name().to_owned();
    Platform { architecture, os: landfall_manifests::Os::Linux.name().to_owned() }
}
