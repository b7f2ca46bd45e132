//! Images, networks and volumes.

use super::{DockerEngine, specs};
use crate::containers::{EngineError, FoundImage, ImageIdentity, Labels, Listed, NetworkSpec};
use bollard::errors::Error;
use bollard::models::{ImageInspect, VolumeCreateRequest};
use bollard::query_parameters::{
    ListImagesOptionsBuilder, ListNetworksOptions, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveVolumeOptions,
};
use std::collections::HashMap;

/// The tags under which the installer loads images, so that nobody prunes them.
const OUR_TAGS: &str = "landfall.local/*/*";

impl DockerEngine {
    /// The image whose id is the config's digest. Engines with the containerd store call images by their manifest instead: there, the
    /// one among those that the installer loaded which has exactly these layers.
    pub(super) async fn image(&self, wanted: &ImageIdentity) -> Result<Option<FoundImage>, EngineError> {
        match self.inspect_image(&wanted.config).await? {
            Some(image) => Ok(matching(image, wanted)),
            None => self.image_by_layers(wanted).await,
        }
    }

    async fn image_by_layers(&self, wanted: &ImageIdentity) -> Result<Option<FoundImage>, EngineError> {
        let session = self.session().await?;
        let filters = HashMap::from([("reference", vec![OUR_TAGS])]);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let listed = session.docker.list_images(Some(options)).await;
        let mut found = Vec::new();
        for summary in listed.map_err(|error| self.failed("list images", error))? {
            let image = self.inspect_image(&summary.id).await?;
            found.extend(image.and_then(|image| matching(image, wanted)));
        }
        // Two images of the same layers differ in their configs, which this engine does not tell: neither is certain.
        found.dedup();
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    async fn inspect_image(&self, id: &str) -> Result<Option<ImageInspect>, EngineError> {
        let session = self.session().await?;
        match session.docker.inspect_image(id).await {
            Ok(image) => Ok(Some(image)),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(self.failed(&format!("inspect image {id}"), error)),
        }
    }

    pub(super) async fn make_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        let session = self.session().await?;
        let made = session.docker.create_network(specs::network(spec)).await;
        made.map(drop).map_err(|error| self.failed(&format!("create network {}", spec.name), error))
    }

    /// Docker hands back a volume that is there already: its labels tell whether it is the one we mean.
    pub(super) async fn make_volume(&self, name: &str, labels: &Labels) -> Result<(), EngineError> {
        let session = self.session().await?;
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..Default::default()
        };
        let volume = session.docker.create_volume(request).await;
        let volume = volume.map_err(|error| self.failed(&format!("create volume {name}"), error))?;
        let ours = labels.iter().all(|(key, value)| volume.labels.get(key) == Some(value));
        if ours { Ok(()) } else { Err(EngineError::Conflict(format!("volume {name} is another tenant's"))) }
    }

    pub(super) async fn delete_network(&self, name: &str) -> Result<(), EngineError> {
        let session = self.session().await?;
        let removed = session.docker.remove_network(name).await;
        removed.map_err(|error| self.failed(&format!("remove network {name}"), error))
    }

    pub(super) async fn delete_volume(&self, name: &str) -> Result<(), EngineError> {
        let session = self.session().await?;
        let removed = session.docker.remove_volume(name, None::<RemoveVolumeOptions>).await;
        removed.map_err(|error| self.failed(&format!("remove volume {name}"), error))
    }

    pub(super) async fn labelled_networks(&self, label: &str) -> Result<Vec<Listed>, EngineError> {
        let session = self.session().await?;
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let networks = session.docker.list_networks(Some(options)).await;
        let networks = networks.map_err(|error| self.failed("list networks", error))?;
        let listed = networks.into_iter().map(|network| Listed {
            name: network.name.unwrap_or_default(),
            labels: network.labels.into_iter().flatten().collect(),
            running: false,
        });
        Ok(listed.collect())
    }

    pub(super) async fn network_subnets(&self) -> Result<Vec<String>, EngineError> {
        let session = self.session().await?;
        let networks = session.docker.list_networks(None::<ListNetworksOptions>).await;
        let networks = networks.map_err(|error| self.failed("list networks", error))?;
        let pools = networks.into_iter().filter_map(|network| network.ipam?.config).flatten();
        Ok(pools.filter_map(|pool| pool.subnet).collect())
    }

    pub(super) async fn labelled_volumes(&self, label: &str) -> Result<Vec<Listed>, EngineError> {
        let session = self.session().await?;
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let volumes = session.docker.list_volumes(Some(options)).await;
        let volumes = volumes.map_err(|error| self.failed("list volumes", error))?.volumes;
        let listed = volumes.into_iter().flatten().map(|volume| Listed {
            name: volume.name,
            labels: volume.labels.into_iter().collect(),
            running: false,
        });
        Ok(listed.collect())
    }
}

/// What we need of an image, if its layers are those that we expect.
fn matching(image: ImageInspect, wanted: &ImageIdentity) -> Option<FoundImage> {
    let layers = image.root_fs.and_then(|root| root.layers).unwrap_or_default();
    let user = image.config.and_then(|config| config.user).unwrap_or_default();
    (layers == wanted.diff_ids).then_some(FoundImage { id: image.id?, user })
}
