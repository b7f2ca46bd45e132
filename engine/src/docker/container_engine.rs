//! What the runtime asks, request by request.

use super::connection::Docker;
use super::response::found;
use super::{containers, logs, networks, specs, volumes};
use crate::containers::{
    ContainerEngine, ContainerLimits, ContainerSpec, ContainerState, Folder, FoundImage, ImageIdentity, LimitsChange,
    Listed, Listing, LogStream, LogWindow, NetworkSpec, PreparationSpec, Reply, Usage,
};
use crate::error::EngineError;
use crate::labels::{Labels, Selector};
use bollard::errors::Error;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use std::time::Duration;

/// How long the engine may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// The object need not exist.
fn removed(answer: Result<(), EngineError>) -> Result<(), EngineError> {
    found(answer).map(|_| ())
}

impl ContainerEngine for Docker {
    fn ping(&self) -> Reply<'_, ()> {
        let request = async |client: bollard::Docker| match tokio::time::timeout(PING_TIMEOUT, client.ping()).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(Error::RequestTimeoutError),
        };
        Box::pin(self.ask("report that it is running", request))
    }

    fn find_image<'a>(&'a self, image: &'a ImageIdentity) -> Reply<'a, Option<FoundImage>> {
        Box::pin(self.identified_image(image))
    }

    fn create_network<'a>(&'a self, spec: &'a NetworkSpec) -> Reply<'a, ()> {
        Box::pin(self.make_network(spec))
    }

    fn create_volume<'a>(&'a self, name: &'a str, labels: &'a Labels) -> Reply<'a, ()> {
        Box::pin(self.make_volume(name, labels))
    }

    fn volume<'a>(&'a self, name: &'a str) -> Reply<'a, Option<Listed>> {
        Box::pin(self.look_at_volume(name))
    }

    fn create_container<'a>(&'a self, spec: &'a ContainerSpec) -> Reply<'a, ()> {
        Box::pin(async move {
            let capabilities = self.capabilities().await?;
            self.make_container(&spec.name, specs::container(spec, capabilities)).await
        })
    }

    fn create_preparation<'a>(&'a self, spec: &'a PreparationSpec) -> Reply<'a, ()> {
        Box::pin(self.make_container(&spec.name, specs::preparation(spec)))
    }

    fn read_file<'a>(&'a self, container: &'a str, path: &'a str) -> Reply<'a, Vec<u8>> {
        Box::pin(self.download(container, path))
    }

    fn put_folders<'a>(&'a self, container: &'a str, parent: &'a str, folders: &'a [Folder]) -> Reply<'a, ()> {
        Box::pin(self.upload(container, parent, folders))
    }

    fn start<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        Box::pin(self.start_container(container))
    }

    fn set_limits<'a>(&'a self, container: &'a str, limits: ContainerLimits) -> Reply<'a, LimitsChange> {
        Box::pin(Self::set_limits(self, container, limits))
    }

    fn pause<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        Box::pin(self.pause_container(container))
    }

    fn unpause<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        Box::pin(self.unpause_container(container))
    }

    fn kill<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        Box::pin(async { removed(self.kill_container(container).await) })
    }

    fn start_command<'a>(&'a self, container: &'a str, command: &'a [String]) -> Reply<'a, String> {
        Box::pin(self.begin_command(container, command))
    }

    fn running_command<'a>(&'a self, container: &'a str, command: &'a [String]) -> Reply<'a, Option<String>> {
        Box::pin(self.unended_command(container, command))
    }

    fn command_exit<'a>(&'a self, run: &'a str) -> Reply<'a, Option<i64>> {
        Box::pin(self.ended_command(run))
    }

    fn remove_container<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        Box::pin(async { removed(self.delete_container(name).await) })
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        Box::pin(async { removed(self.delete_network(name).await) })
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        // Without force: what a failing driver leaves is removed by the next attempt, and not forgotten.
        Box::pin(async { removed(self.delete_volume(name, false).await) })
    }

    fn inspect<'a>(&'a self, container: &'a str) -> Reply<'a, Option<ContainerState>> {
        Box::pin(self.container_state(container))
    }

    fn subnets(&self) -> Reply<'_, Vec<String>> {
        Box::pin(async {
            let networks = self.all_networks().await?;
            Ok(networks.into_iter().flat_map(|network| network.subnets).collect())
        })
    }

    fn list_containers<'a>(&'a self, by: &'a Selector) -> Reply<'a, Vec<Listed>> {
        Box::pin(async move {
            let found = self.selected_containers(by).await?;
            Ok(found.into_iter().map(containers::listed).collect())
        })
    }

    fn list<'a>(&'a self, by: &'a Selector) -> Reply<'a, Listing> {
        Box::pin(async move {
            // Three requests do not show one moment: whoever acts on a listing looks at the object again.
            Ok(Listing {
                containers: self.list_containers(by).await?,
                networks: self.selected_networks(by).await?.into_iter().map(networks::listed).collect(),
                volumes: self.selected_volumes(by).await?.into_iter().map(volumes::listed).collect(),
            })
        })
    }

    fn logs<'a>(&'a self, container: &'a str, window: LogWindow) -> Reply<'a, LogStream> {
        Box::pin(self.log_lines(container, window))
    }

    fn usage<'a>(&'a self, container: &'a str) -> Reply<'a, Usage> {
        Box::pin(self.sample(container))
    }

    fn exits(&self, by: &Selector) -> BoxStream<'static, Result<String, EngineError>> {
        match self.open_session() {
            Some(session) => logs::exits(&session.client, by),
            // A stream cannot connect. Whoever asks again finds the connection that the next request makes.
            None => stream::once(async {
                let (operation, source) = ("report exits of containers".to_owned(), "not connected yet".into());
                Err(EngineError::NoAnswer { operation, source })
            })
            .boxed(),
        }
    }
}
