//! Networks.

use super::connection::Docker;
use super::specs;
use crate::containers::{Listed, NetworkSpec};
use crate::error::EngineError;
use bollard::models::Network;
use bollard::query_parameters::{ListNetworksOptions, ListNetworksOptionsBuilder};
use std::collections::HashMap;

impl Docker {
    pub(super) async fn make_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        let operation = format!("create network {}", spec.name);
        // Before API 1.44, an engine accepts a name twice. A subnet it never does, and each tenant has its own.
        let request = specs::network(spec);
        self.ask(&operation, async |client| client.create_network(request).await.map(drop)).await
    }

    pub(super) async fn delete_network(&self, reference: &str) -> Result<(), EngineError> {
        let operation = format!("remove network {reference}");
        self.ask(&operation, async |client| client.remove_network(reference).await).await
    }

    pub(super) async fn labelled_networks(&self, label: &str) -> Result<Vec<Network>, EngineError> {
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        self.ask("list networks", async |client| client.list_networks(Some(options)).await).await
    }

    pub(super) async fn network_subnets(&self) -> Result<Vec<String>, EngineError> {
        let all = async |client: bollard::Docker| client.list_networks(None::<ListNetworksOptions>).await;
        let networks = self.ask("list networks", all).await?;
        let pools = networks.into_iter().filter_map(|network| network.ipam?.config).flatten();
        Ok(pools.filter_map(|pool| pool.subnet).collect())
    }
}

pub(super) fn listed(network: Network) -> Listed {
    Listed {
        name: network.name.unwrap_or_default(),
        labels: network.labels.into_iter().flatten().collect(),
        ..Listed::default()
    }
}
