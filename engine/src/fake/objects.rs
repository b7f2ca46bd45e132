//! The objects of a fake engine, and those of Docker's rules that the runtime relies on: names are unique, a container needs
//! its image, mounting a volume creates it.

use crate::containers::{ContainerSpec, Folder, Listed, NetworkSpec};
use crate::error::EngineError;
use crate::labels::{Labels, Selector};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What a [`FakeContainerEngine`](super::FakeContainerEngine) holds.
#[derive(Default)]
pub struct FakeEngineState {
    /// The engine does not answer.
    pub down: bool,
    /// How many calls were not answered because the engine was down.
    pub unanswered: u32,
    /// Operations that fail, by the name of the method, and how many times they will.
    pub failing: BTreeMap<&'static str, u32>,
    /// Operations that wait until a gate lets them pass, by the name of the method.
    pub(super) gates: BTreeMap<&'static str, Arc<Semaphore>>,
    /// Images by the digest of their configuration, with their layers and their user.
    pub images: BTreeMap<String, (Vec<String>, String)>,
    /// Containers by name.
    pub containers: BTreeMap<String, FakeContainer>,
    /// Networks by name.
    pub networks: BTreeMap<String, NetworkSpec>,
    /// The exit code with which containers end as soon as they are started.
    pub ending: Option<i64>,
    /// The engine does not change the limits of a container that exists, as older Podman.
    pub keeps_limits: bool,
    /// Subnets that the engine holds for networks which it lost when it was killed, as Docker does.
    pub stale_subnets: BTreeSet<String>,
    /// The commands that were started in containers.
    pub commands: Vec<Vec<String>>,
    /// The exit code of every command; `None` while they run.
    pub command_exit: Option<i64>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, Labels>,
}

/// A container of a [`FakeContainerEngine`](super::FakeContainerEngine).
#[derive(Debug, Clone, Default)]
pub struct FakeContainer {
    /// What it was created from; `None` for one that is never started.
    pub spec: Option<ContainerSpec>,
    /// Its labels.
    pub labels: Labels,
    /// The volumes that it mounts.
    pub volumes: Vec<String>,
    /// When it was started, while it is running.
    pub started: Option<Timestamp>,
    /// Whether somebody disconnected it from its network.
    pub disconnected: bool,
    /// The folders that were created in it.
    pub folders: Vec<Folder>,
    /// The bytes that it has written.
    pub written: u64,
    /// Whether it is paused.
    pub paused: bool,
    /// The file that its output is written to.
    pub log: Option<PathBuf>,
}

impl FakeContainer {
    /// A container that has not been started.
    pub(super) fn new(spec: Option<ContainerSpec>, labels: &Labels, volumes: &[(String, String)]) -> Self {
        let volumes = volumes.iter().map(|(name, _)| name.clone()).collect();
        Self { spec, labels: labels.clone(), volumes, ..Self::default() }
    }

    /// The networks that it is connected to.
    pub(super) fn networks(&self) -> Vec<String> {
        let connected = self.spec.iter().filter(|_| !self.disconnected);
        connected.map(|spec| spec.network.0.clone()).collect()
    }
}

pub(super) fn missing<T>(what: &str) -> Result<T, EngineError> {
    Err(EngineError::NotFound { operation: format!("find {what}"), message: "there is none".to_owned() })
}

pub(super) fn in_use(operation: String) -> EngineError {
    EngineError::Conflict { operation, message: "it is in use".to_owned() }
}

impl FakeEngineState {
    pub(super) fn add_container(
        &mut self,
        name: &str,
        image: &str,
        container: FakeContainer,
    ) -> Result<(), EngineError> {
        if self.containers.contains_key(name) {
            return Err(in_use(format!("create container {name}")));
        }
        if !self.images.contains_key(image) {
            return missing(image);
        }
        // As Docker does: a volume that is mounted comes into being.
        for volume in &container.volumes {
            self.volumes.entry(volume.clone()).or_default();
        }
        self.containers.insert(name.to_owned(), container);
        Ok(())
    }

    pub(super) fn set_paused(&mut self, name: &str, paused: bool) -> Result<(), EngineError> {
        match self.containers.get_mut(name).filter(|held| held.started.is_some()) {
            Some(held) => {
                held.paused = paused;
                Ok(())
            }
            None => missing(name),
        }
    }

    pub(super) fn listed_containers(&self, by: &Selector) -> Vec<Listed> {
        let matching = self.containers.iter().filter(|(_, c)| by.matches(|name| c.labels.get(name)));
        let listed = matching.map(|(name, c)| Listed {
            name: name.clone(),
            id: name.clone(),
            labels: c.labels.clone(),
            running: c.started.is_some(),
            paused: c.paused,
            networks: c.networks(),
            folder: None,
        });
        listed.collect()
    }
}

pub(super) fn idle(name: &str, labels: &Labels) -> Listed {
    Listed { name: name.to_owned(), labels: labels.clone(), ..Listed::default() }
}

/// A volume, in the folder of its name.
pub(super) fn volume(name: &str, labels: &Labels) -> Listed {
    Listed { folder: Some(Path::new("/volumes").join(name)), ..idle(name, labels) }
}
