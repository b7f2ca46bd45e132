//! An [`ImageEngine`] in memory. It loads docker-archives as Docker 20.10 does: layers that it holds may be left out.

use crate::api_version::MIN_API;
use crate::error::{Cause, EngineError};
use crate::images::{About, EngineNetwork, ImageEngine, LocalImage, Volumes, WriteArchive};
use crate::labels::Owned;
use landfall_manifests::{Digest, oci::ImageConfig};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;

/// An engine in memory.
#[derive(Debug, Default)]
pub struct FakeImageEngine {
    /// Its images.
    pub images: RefCell<Vec<LocalImage>>,
    /// Its networks.
    pub networks: RefCell<Vec<EngineNetwork>>,
    /// The layers that archives carried, in their order.
    pub received: RefCell<Vec<Digest>>,
    /// What was removed of tenants, in the order of the calls.
    pub removed: RefCell<Vec<(Owned, Volumes)>>,
    /// Whether an archive has to carry every layer, as with containerd's store.
    pub wants_all_layers: bool,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl FakeImageEngine {
    fn holds(&self, chain: &[Digest]) -> bool {
        self.images.borrow().iter().any(|image| image.diff_ids.starts_with(chain))
    }

    fn unpack(archive: &[u8]) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            let name = entry.path()?.display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(name, content);
        }
        Ok(files)
    }

    fn accept(&self, archive: &[u8]) -> Result<(), Cause> {
        let files = Self::unpack(archive)?;
        let manifest = files.get("manifest.json").ok_or("no manifest.json")?;
        for item in serde_json::from_slice::<Vec<Item>>(manifest)? {
            let bytes = files.get(&item.config).ok_or("no config")?;
            let config: ImageConfig = serde_json::from_slice(bytes)?;
            for (index, name) in item.layers.iter().enumerate() {
                // As Docker does: a layer is known only on top of the same layers.
                let known = !self.wants_all_layers && self.holds(&config.rootfs.diff_ids[..=index]);
                match files.get(name).map(|content| Digest::of(content)) {
                    Some(found) if found == config.rootfs.diff_ids[index] => self.received.borrow_mut().push(found),
                    Some(_) => return Err("wrong diffID".into()),
                    None if known => {}
                    None => return Err(format!("{name} is missing").into()),
                }
            }
            let platform = format!("{}/{}", config.os, config.architecture);
            let (id, diff_ids) = (Digest::of(bytes).to_string(), config.rootfs.diff_ids);
            self.images.borrow_mut().push(LocalImage { id, tags: item.repo_tags, platform, diff_ids });
        }
        Ok(())
    }
}

impl ImageEngine for FakeImageEngine {
    fn about(&self) -> Result<About, EngineError> {
        let takes_partial_archives = !self.wants_all_layers;
        let (version, api) = ("fake".to_owned(), Some(MIN_API));
        Ok(About { version, api, data_root: None, takes_partial_archives, missing_limits: Vec::new() })
    }

    fn images(&self) -> Result<Vec<LocalImage>, EngineError> {
        Ok(self.images.borrow().clone())
    }

    fn image(&self, reference: &str) -> Result<Option<LocalImage>, EngineError> {
        let matches = |image: &&LocalImage| image.id == reference || image.tags.iter().any(|tag| tag == reference);
        Ok(self.images.borrow().iter().find(matches).cloned())
    }

    fn networks(&self) -> Result<Vec<EngineNetwork>, EngineError> {
        Ok(self.networks.borrow().clone())
    }

    fn load(&self, write: WriteArchive<'_>) -> Result<(), EngineError> {
        let mut archive = Vec::new();
        write(&mut archive).map_err(EngineError::Archive)?;
        self.accept(&archive).map_err(|reason| EngineError::Failed {
            operation: "load the image".to_owned(),
            message: reason.to_string(),
        })
    }

    fn is_loading(&self) -> Result<bool, EngineError> {
        Ok(false)
    }

    fn tag(&self, id: &str, tag: &str) -> Result<(), EngineError> {
        let mut images = self.images.borrow_mut();
        images.iter_mut().filter(|image| image.id == id).for_each(|image| image.tags.push(tag.to_owned()));
        Ok(())
    }

    fn untag(&self, tag: &str) -> Result<(), EngineError> {
        let mut images = self.images.borrow_mut();
        images.iter_mut().for_each(|image| image.tags.retain(|other| other != tag));
        // As Docker does: an image goes with its last tag.
        images.retain(|image| !image.tags.is_empty());
        Ok(())
    }

    fn remove_owned(&self, owned: &Owned, volumes: Volumes) -> Result<(), EngineError> {
        self.removed.borrow_mut().push((owned.clone(), volumes));
        Ok(())
    }
}
