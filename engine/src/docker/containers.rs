//! Containers: created, started, inspected, removed.

use super::connection::Docker;
use super::label_filter;
use super::response::found;
use crate::containers::{ContainerState, Listed, Usage};
use crate::error::EngineError;
use crate::labels::Selector;
use bollard::models::{
    ContainerBlkioStats, ContainerCreateBody, ContainerMemoryStats, ContainerSummary, ContainerSummaryStateEnum,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StatsOptionsBuilder,
};
use futures_util::StreamExt as _;

impl Docker {
    pub(super) async fn make_container(&self, name: &str, body: ContainerCreateBody) -> Result<(), EngineError> {
        let operation = format!("create container {name}");
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let request = async |client: bollard::Docker| client.create_container(Some(options), body).await.map(drop);
        self.ask(&operation, request).await
    }

    pub(super) async fn start_container(&self, name: &str) -> Result<(), EngineError> {
        let operation = format!("start container {name}");
        // A container that runs is answered 304, which the client takes for success.
        let options = None::<StartContainerOptions>;
        self.ask(&operation, async |client| client.start_container(name, options).await).await
    }

    pub(super) async fn pause_container(&self, name: &str) -> Result<(), EngineError> {
        let operation = format!("pause container {name}");
        self.ask(&operation, async |client| client.pause_container(name).await).await
    }

    pub(super) async fn unpause_container(&self, name: &str) -> Result<(), EngineError> {
        let operation = format!("unpause container {name}");
        self.ask(&operation, async |client| client.unpause_container(name).await).await
    }

    /// A container that does not run is answered 409.
    pub(super) async fn kill_container(&self, name: &str) -> Result<(), EngineError> {
        let operation = format!("kill container {name}");
        let options = None::<KillContainerOptions>;
        match self.ask(&operation, async |client| client.kill_container(name, options).await).await {
            Err(EngineError::Conflict { .. }) => Ok(()),
            other => other,
        }
    }

    /// Kills and removes a container, and with it the volumes that have no name: nothing could find them afterwards.
    pub(super) async fn delete_container(&self, reference: &str) -> Result<(), EngineError> {
        let operation = format!("remove container {reference}");
        // By force: a container that runs is killed, and its program has no say in its removal.
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        self.ask(&operation, async |client| client.remove_container(reference, Some(options)).await).await
    }

    pub(super) async fn container_state(&self, name: &str) -> Result<Option<ContainerState>, EngineError> {
        let operation = format!("inspect container {name}");
        let options = None::<InspectContainerOptions>;
        let answer = self.ask(&operation, async |client| client.inspect_container(name, options).await).await;
        let Some(inspected) = found(answer)? else { return Ok(None) };
        let labels = inspected.config.and_then(|config| config.labels).unwrap_or_default();
        let networks = inspected.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let state = inspected.state.unwrap_or_default();
        let running = state.running.unwrap_or(false);
        Ok(Some(ContainerState {
            running,
            paused: state.paused.unwrap_or(false),
            started_at: state.started_at.and_then(|text| text.parse().ok()),
            // Docker reports 0 for a container that runs.
            exit_code: state.exit_code.filter(|_| !running),
            networks: networks.into_keys().collect(),
            log: inspected.log_path.filter(|path| !path.is_empty()).map(Into::into),
            labels: labels.into_iter().collect(),
        }))
    }

    pub(super) async fn selected_containers(&self, by: &Selector) -> Result<Vec<ContainerSummary>, EngineError> {
        // Also those that do not run, which the engine leaves out otherwise.
        let options = ListContainersOptionsBuilder::new().all(true).filters(&label_filter::filters(by)).build();
        let listed = self.ask("list containers", async |client| client.list_containers(Some(options)).await).await?;
        Ok(listed.into_iter().filter(|one| label_filter::selects(by, one.labels.as_ref())).collect())
    }

    pub(super) async fn sample(&self, name: &str) -> Result<Usage, EngineError> {
        let operation = format!("report the usage of container {name}");
        // Without `one-shot` (API 1.41) the engine takes two samples, a second apart.
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let request = async |client: bollard::Docker| client.stats(name, Some(options)).next().await.transpose();
        let Some(sample) = self.ask(&operation, request).await? else {
            return Err(EngineError::NotFound { operation, message: "there is no sample".to_owned() });
        };
        let cpu = sample.cpu_stats.and_then(|cpu| cpu.cpu_usage).and_then(|usage| usage.total_usage);
        let memory_used = sample.memory_stats.as_ref().map_or(0, memory);
        let unwritten = sample.memory_stats.as_ref().map_or(0, unwritten);
        let written = sample.blkio_stats.as_ref().map_or(0, written);
        Ok(Usage { cpu_nanos: cpu.unwrap_or(0), memory: memory_used, written: written.saturating_add(unwritten) })
    }
}

pub(super) fn listed(container: ContainerSummary) -> Listed {
    let name = container.names.and_then(|names| names.into_iter().next()).unwrap_or_default();
    Listed {
        // The API puts a slash before the name.
        name: name.strip_prefix('/').map(str::to_owned).unwrap_or(name),
        id: container.id.unwrap_or_default(),
        labels: container.labels.into_iter().flatten().collect(),
        running: matches!(
            container.state,
            Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::PAUSED)
        ),
        paused: container.state == Some(ContainerSummaryStateEnum::PAUSED),
        networks: container
            .network_settings
            .and_then(|set| set.networks)
            .into_iter()
            .flatten()
            .map(|(n, _)| n)
            .collect(),
        folder: None,
    }
}

/// What `docker stats` shows: usage without inactive file pages, whose name differs between cgroup v1 and v2.
fn memory(stats: &ContainerMemoryStats) -> u64 {
    let detail = stats.stats.as_ref();
    let inactive = ["total_inactive_file", "inactive_file"].into_iter().find_map(|key| detail?.get(key).copied());
    stats.usage.unwrap_or(0).saturating_sub(inactive.unwrap_or(0))
}

/// What was written to all devices. Devices on top of each other count the same bytes: the largest count is that of one of them.
fn written(stats: &ContainerBlkioStats) -> u64 {
    let entries = stats.io_service_bytes_recursive.iter().flatten();
    // `Write` with cgroup v1, `write` with v2.
    let writes = entries.filter(|entry| entry.op.as_deref().is_some_and(|op| op.eq_ignore_ascii_case("write")));
    writes.filter_map(|entry| entry.value).max().unwrap_or(0)
}

/// What waits in the page cache to be written (cgroup v2).
fn unwritten(stats: &ContainerMemoryStats) -> u64 {
    let waiting = |key: &str| stats.stats.as_ref().and_then(|stats| stats.get(key).copied()).unwrap_or(0);
    waiting("file_dirty").saturating_add(waiting("file_writeback"))
}
