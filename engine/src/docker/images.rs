//! Images.

use super::connection::Docker;
use super::response::found;
use crate::api_version::ApiVersion;
use crate::containers::{FoundImage, ImageIdentity};
use crate::error::EngineError;
use crate::images::{About, LocalImage};
use crate::tags;
use bollard::errors::Error;
use bollard::models::{ImageInspect, SystemInfo};
use bollard::query_parameters::{
    ImportImageOptionsBuilder, ListImagesOptions, ListImagesOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long a load may take: an engine answers only after it has unpacked everything, on whatever disk it has.
const LOAD: Duration = Duration::from_hours(6);
/// The word in the storage driver's status that stands for containerd's store (Docker 23 and later).
const CONTAINERD_STORE: &str = "io.containerd.snapshotter";

/// The prefix of the folders into which Docker unpacks archives, below `tmp` of its data root. They exist exactly as long as
/// the archive is being loaded; those of an engine that crashed are removed when it starts again.
const UNPACKING: &[u8] = b"docker-import-";

impl Docker {
    pub(super) async fn describe(&self) -> Result<About, EngineError> {
        let version = self.ask("report its version", async |client| client.version().await).await?;
        let info = self.info().await?;
        // Podman calls itself `Podman Engine` in the components of its version.
        let podman = version.components.iter().flatten().any(|component| component.name.starts_with("Podman"));
        Ok(About {
            version: version.version.clone().unwrap_or_default(),
            api: version.api_version.as_deref().and_then(ApiVersion::parse),
            takes_partial_archives: !podman && !has_containerd_store(&info),
            missing_limits: missing_limits(&info),
            data_root: info.docker_root_dir.map(Into::into),
        })
    }

    async fn info(&self) -> Result<SystemInfo, EngineError> {
        self.ask("report its capabilities", async |client| client.info().await).await
    }

    pub(super) async fn inspect_image(&self, reference: &str) -> Result<Option<ImageInspect>, EngineError> {
        let operation = format!("inspect image {reference}");
        found(self.ask(&operation, async |client| client.inspect_image(reference).await).await)
    }

    async fn image_ids(&self, options: Option<ListImagesOptions>) -> Result<BTreeSet<String>, EngineError> {
        let list = self.ask("list images", async |client| client.list_images(options).await).await?;
        Ok(list.into_iter().map(|image| image.id).collect())
    }

    pub(super) async fn local_image(&self, reference: &str) -> Result<Option<LocalImage>, EngineError> {
        Ok(self.inspect_image(reference).await?.map(local))
    }

    pub(super) async fn local_images(&self) -> Result<Vec<LocalImage>, EngineError> {
        let mut images = Vec::new();
        // One question for each: the list alone has neither layers nor platform.
        for id in self.image_ids(None).await? {
            images.extend(self.local_image(&id).await?);
        }
        Ok(images)
    }

    /// The image whose id is the digest of the configuration. Engines with containerd's store identify images by their
    /// manifest instead: there, the image that has exactly these layers, among those that the installer loaded.
    pub(super) async fn identified_image(&self, wanted: &ImageIdentity) -> Result<Option<FoundImage>, EngineError> {
        if let Some(image) = self.inspect_image(&wanted.config).await? {
            return Ok(with_layers(image, wanted));
        }
        let filters = HashMap::from([("reference", vec![tags::PATTERN])]);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let mut candidates = Vec::new();
        for id in self.image_ids(Some(options)).await? {
            candidates.extend(self.inspect_image(&id).await?.and_then(|image| with_layers(image, wanted)));
        }
        // Two images with the same layers differ in their configurations, which this engine does not tell: neither is certain.
        Ok(if candidates.len() == 1 { candidates.pop() } else { None })
    }

    /// Loads the docker-archive that `body` consists of.
    pub(super) async fn load_archive(
        &self,
        body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), EngineError> {
        let options = ImportImageOptionsBuilder::default().build();
        let request = async |client: bollard::Docker| {
            let mut answers = client.with_timeout(LOAD).import_image_stream(options, body, None);
            // The status comes before the archive has been read: errors are items of the stream.
            while let Some(answer) = answers.next().await {
                answer?;
            }
            Ok::<(), Error>(())
        };
        self.ask("load the image", request).await
    }

    pub(super) async fn is_unpacking(&self) -> Result<bool, EngineError> {
        let entries = self.info().await?.docker_root_dir.map(|root| std::fs::read_dir(Path::new(&root).join("tmp")));
        // It cannot be seen where the engine is on another machine, or unpacks elsewhere.
        let Some(Ok(mut entries)) = entries else { return Ok(false) };
        Ok(entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(UNPACKING))))
    }

    pub(super) async fn add_tag(&self, id: &str, tag: &str) -> Result<(), EngineError> {
        // From the right: a registry's port comes before the last colon.
        let (repo, name) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
        let options = TagImageOptionsBuilder::default().repo(repo).tag(name).build();
        let operation = format!("tag image {id} as {tag}");
        self.ask(&operation, async |client| client.tag_image(id, Some(options)).await).await
    }

    pub(super) async fn remove_tag(&self, tag: &str) -> Result<(), EngineError> {
        let operation = format!("remove image {tag}");
        let options = None::<RemoveImageOptions>;
        let removed = self.ask(&operation, async |client| client.remove_image(tag, options, None).await).await;
        found(removed).map(drop)
    }
}

fn local(image: ImageInspect) -> LocalImage {
    let layers = image.root_fs.and_then(|root_fs| root_fs.layers).unwrap_or_default();
    LocalImage {
        id: image.id.unwrap_or_default(),
        tags: image.repo_tags.unwrap_or_default(),
        platform: format!("{}/{}", image.os.unwrap_or_default(), image.architecture.unwrap_or_default()),
        diff_ids: layers.iter().filter_map(|layer| layer.parse().ok()).collect(),
    }
}

/// The image, if its layers are those that are wanted.
fn with_layers(image: ImageInspect, wanted: &ImageIdentity) -> Option<FoundImage> {
    let layers = image.root_fs.and_then(|root| root.layers).unwrap_or_default();
    let user = image.config.and_then(|config| config.user).unwrap_or_default();
    (layers == wanted.diff_ids).then_some(FoundImage { id: image.id?, user })
}

fn has_containerd_store(info: &SystemInfo) -> bool {
    info.driver_status.iter().flatten().flatten().any(|word| word.starts_with(CONTAINERD_STORE))
}

fn missing_limits(info: &SystemInfo) -> Vec<&'static str> {
    let limits = [("memory", info.memory_limit), ("cpu", info.cpu_cfs_quota), ("pids", info.pids_limit)];
    // Only what the engine denies: one that leaves a field out may well have the limit.
    limits.into_iter().filter(|(_, has)| *has == Some(false)).map(|(name, _)| name).collect()
}
