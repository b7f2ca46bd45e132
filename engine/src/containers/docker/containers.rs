//! Containers: made, started, looked at, removed.

use super::DockerEngine;
use crate::containers::{ContainerState, EngineError, Listed, Usage};
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, ContainerMemoryStats, ContainerSummaryStateEnum};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StatsOptionsBuilder,
};
use futures_util::StreamExt as _;
use std::collections::HashMap;

impl DockerEngine {
    pub(super) async fn create(&self, name: &str, body: ContainerCreateBody) -> Result<(), EngineError> {
        let session = self.session().await?;
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let made = session.docker.create_container(Some(options), body).await;
        made.map(drop).map_err(|error| self.failed(&format!("create container {name}"), error))
    }

    pub(super) async fn start_container(&self, name: &str) -> Result<(), EngineError> {
        let session = self.session().await?;
        let started = session.docker.start_container(name, None::<StartContainerOptions>).await;
        started.map_err(|error| self.failed(&format!("start container {name}"), error))
    }

    pub(super) async fn delete_container(&self, name: &str) -> Result<(), EngineError> {
        let session = self.session().await?;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let removed = session.docker.remove_container(name, Some(options)).await;
        removed.map_err(|error| self.failed(&format!("remove container {name}"), error))
    }

    pub(super) async fn container_state(&self, name: &str) -> Result<Option<ContainerState>, EngineError> {
        let session = self.session().await?;
        let inspected = match session.docker.inspect_container(name, None::<InspectContainerOptions>).await {
            Ok(inspected) => inspected,
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            Err(error) => return Err(self.failed(&format!("inspect container {name}"), error)),
        };
        let labels = inspected.config.and_then(|config| config.labels).unwrap_or_default();
        let state = inspected.state.unwrap_or_default();
        let running = state.running.unwrap_or(false);
        Ok(Some(ContainerState {
            running,
            started_at: state.started_at.and_then(|text| text.parse().ok()),
            exit_code: state.exit_code.filter(|_| !running),
            labels: labels.into_iter().collect(),
        }))
    }

    pub(super) async fn labelled_containers(&self, label: &str) -> Result<Vec<Listed>, EngineError> {
        let session = self.session().await?;
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let containers = session.docker.list_containers(Some(options)).await;
        let containers = containers.map_err(|error| self.failed("list containers", error))?;
        let listed = containers.into_iter().map(|container| Listed {
            // Docker writes a slash before the name.
            name: container.names.and_then(|names| names.into_iter().next()).map_or_else(String::new, trimmed),
            labels: container.labels.into_iter().flatten().collect(),
            running: container.state == Some(ContainerSummaryStateEnum::RUNNING),
        });
        Ok(listed.collect())
    }

    pub(super) async fn sample(&self, name: &str) -> Result<Usage, EngineError> {
        let session = self.session().await?;
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let sample = session.docker.stats(name, Some(options)).next().await;
        let sample = match sample {
            Some(sample) => sample.map_err(|error| self.failed(&format!("sample container {name}"), error))?,
            None => return Err(EngineError::NotFound(format!("sample of container {name}"))),
        };
        let cpu = sample.cpu_stats.and_then(|cpu| cpu.cpu_usage).and_then(|usage| usage.total_usage);
        let memory = sample.memory_stats.as_ref().map_or(0, memory);
        Ok(Usage { cpu_nanos: cpu.unwrap_or(0), memory })
    }
}

fn trimmed(name: String) -> String {
    name.strip_prefix('/').map(str::to_owned).unwrap_or(name)
}

/// What `docker stats` shows: usage without inactive file pages, whose name differs between cgroup v1 and v2.
fn memory(stats: &ContainerMemoryStats) -> u64 {
    let detail = stats.stats.as_ref();
    let inactive = ["total_inactive_file", "inactive_file"].into_iter().find_map(|key| detail?.get(key).copied());
    stats.usage.unwrap_or(0).saturating_sub(inactive.unwrap_or(0))
}
