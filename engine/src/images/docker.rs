//! Docker's API over a unix socket, which Podman serves as well. The only module that names bollard.

mod stream;
mod tenants;

use super::{About, ApiVersion, CANARY, Engine, EngineError, Fill, LocalImage, TENANT_LABEL, Volumes};
use bollard::errors::Error;
use bollard::models::{ImageInspect, SystemInfo};
use bollard::query_parameters::{
    ImportImageOptionsBuilder, ListImagesOptions, RemoveImageOptions, TagImageOptionsBuilder,
};
use futures_util::StreamExt as _;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long any request but a load may take, in seconds. Removing a container stops it first.
const REQUEST_SECONDS: u64 = 120;
/// How long a load may take: an engine answers only after it has unpacked everything, on whatever disk it has.
const LOAD: Duration = Duration::from_hours(6);
/// What the driver's status says where images lie in containerd's store (Docker 23 and later).
const CONTAINERD_STORE: &str = "io.containerd.snapshotter";

/// How the folders begin into which Docker unpacks archives, below `tmp` of its data root. They are there exactly as long as
/// the archive is being loaded; what a crashed engine left is gone once it has started again.
const UNPACKING: &[u8] = b"docker-import-";

/// A container engine that serves Docker's API.
pub struct Docker {
    client: bollard::Docker,
    runtime: Runtime,
}

/// Names the request that failed.
trait During<T> {
    fn during(self, what: impl Into<String>) -> Result<T, EngineError>;
}

impl<T> During<T> for Result<T, Error> {
    fn during(self, what: impl Into<String>) -> Result<T, EngineError> {
        self.map_err(|source| EngineError::Request { what: what.into(), source: source.into() })
    }
}

impl Docker {
    /// Connects and agrees on a version of the API.
    pub fn connect(socket: &Path) -> Result<Self, EngineError> {
        let name = socket.display().to_string();
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| EngineError::Unreachable {
            socket: name.clone(),
            source,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unreachable(error.into()))?;
        let client = bollard::Docker::connect_with_unix(&name, REQUEST_SECONDS, bollard::API_DEFAULT_VERSION);
        let client = client.map_err(|error| unreachable(error.into()))?;
        let client = runtime.block_on(client.negotiate_version()).map_err(|error| unreachable(error.into()))?;
        Ok(Self { client, runtime })
    }
}

impl Engine for Docker {
    fn about(&self) -> Result<About, EngineError> {
        let version = self.runtime.block_on(self.client.version()).during("tell its version")?;
        let info = self.runtime.block_on(self.client.info()).during("tell what it can do")?;
        let podman = version.components.iter().flatten().any(|component| component.name.starts_with("Podman"));
        Ok(About {
            version: version.version.clone().unwrap_or_default(),
            api: version.api_version.as_deref().and_then(ApiVersion::parse),
            takes_partial_archives: !podman && !has_containerd_store(&info),
            missing_limits: missing_limits(&info),
            data_root: info.docker_root_dir.map(Into::into),
        })
    }

    fn images(&self) -> Result<Vec<LocalImage>, EngineError> {
        let list = self.client.list_images(None::<ListImagesOptions>);
        let list = self.runtime.block_on(list).during("list its images")?;
        let ids: BTreeSet<String> = list.into_iter().map(|image| image.id).collect();
        let mut images = Vec::new();
        for id in ids {
            images.extend(self.image(&id)?);
        }
        Ok(images)
    }

    fn image(&self, reference: &str) -> Result<Option<LocalImage>, EngineError> {
        match self.runtime.block_on(self.client.inspect_image(reference)) {
            Err(error) if is_not_found(&error) => Ok(None),
            other => other.map(|image| Some(local(image))).during(format!("inspect the image {reference}")),
        }
    }

    fn load(&self, fill: Fill<'_>) -> Result<(), EngineError> {
        let (mut writer, body) = stream::channel();
        let options = ImportImageOptionsBuilder::default().build();
        let client = self.client.clone().with_timeout(LOAD);
        let (filled, loaded) = std::thread::scope(|scope| {
            let filler = scope.spawn(move || {
                let result = fill(&mut writer);
                writer.finish(result)
            });
            let loaded = self.runtime.block_on(async {
                let mut answers = client.import_image_stream(options, body, None);
                while let Some(answer) = answers.next().await {
                    answer?;
                }
                Ok::<(), Error>(())
            });
            (filler.join(), loaded)
        });
        match (filled, loaded) {
            (Ok(Ok(())), loaded) => loaded.during("load the image"),
            // The engine hung up, and its own reason says more than that.
            (Ok(Err(error)), Err(engine)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                Err(engine).during("load the image")
            }
            (Ok(Err(error)), _) => Err(EngineError::Archive(error)),
            (Err(_), _) => Err(EngineError::Archive(std::io::Error::other("the thread that fills it panicked"))),
        }
    }

    fn is_loading(&self) -> Result<bool, EngineError> {
        let info = self.runtime.block_on(self.client.info()).during("tell what it can do")?;
        let entries = info.docker_root_dir.map(|root| std::fs::read_dir(Path::new(&root).join("tmp")));
        // An engine on another machine, or one that unpacks elsewhere, does not tell.
        let Some(Ok(mut entries)) = entries else { return Ok(false) };
        Ok(entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(UNPACKING))))
    }

    fn tag(&self, id: &str, tag: &str) -> Result<(), EngineError> {
        let (repo, name) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
        let options = TagImageOptionsBuilder::default().repo(repo).tag(name).build();
        self.runtime.block_on(self.client.tag_image(id, Some(options))).during(format!("tag {id} as {tag}"))
    }

    fn untag(&self, tag: &str) -> Result<(), EngineError> {
        match self.runtime.block_on(self.client.remove_image(tag, None::<RemoveImageOptions>, None)) {
            Err(error) if is_not_found(&error) => Ok(()),
            other => other.map(drop).during(format!("remove the image {tag}")),
        }
    }

    fn remove_tenants(&self, volumes: Volumes) -> Result<(), EngineError> {
        self.runtime.block_on(tenants::remove(&self.client, TENANT_LABEL, volumes))
    }

    fn remove_canary(&self) -> Result<(), EngineError> {
        let label = format!("{TENANT_LABEL}={CANARY}");
        self.runtime.block_on(tenants::remove(&self.client, &label, Volumes::Remove))
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
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

fn has_containerd_store(info: &SystemInfo) -> bool {
    info.driver_status.iter().flatten().flatten().any(|word| word.starts_with(CONTAINERD_STORE))
}

fn missing_limits(info: &SystemInfo) -> Vec<&'static str> {
    let limits = [("memory", info.memory_limit), ("cpu", info.cpu_cfs_quota), ("pids", info.pids_limit)];
    limits.into_iter().filter(|(_, has)| *has == Some(false)).map(|(name, _)| name).collect()
}
