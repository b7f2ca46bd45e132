//! Networks.

use super::connection::Docker;
use super::{label_filter, specs};
use crate::containers::{Listed, NetworkSpec};
use crate::error::EngineError;
use crate::images::EngineNetwork;
use crate::labels::Selector;
use bollard::models::Network;
use bollard::query_parameters::{ListNetworksOptions, ListNetworksOptionsBuilder};

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

    pub(super) async fn selected_networks(&self, by: &Selector) -> Result<Vec<Network>, EngineError> {
        let options = ListNetworksOptionsBuilder::new().filters(&label_filter::filters(by)).build();
        let listed = self.ask("list networks", async |client| client.list_networks(Some(options)).await).await?;
        Ok(listed.into_iter().filter(|one| label_filter::selects(by, one.labels.as_ref())).collect())
    }

    /// Every network, whoever created it.
    pub(super) async fn all_networks(&self) -> Result<Vec<EngineNetwork>, EngineError> {
        let all = async |client: bollard::Docker| client.list_networks(None::<ListNetworksOptions>).await;
        Ok(self.ask("list networks", all).await?.into_iter().map(with_subnets).collect())
    }
}

fn with_subnets(network: Network) -> EngineNetwork {
    let pools = network.ipam.and_then(|ipam| ipam.config).into_iter().flatten();
    EngineNetwork {
        name: network.name.unwrap_or_default(),
        subnets: pools.filter_map(|pool| pool.subnet).collect(),
        labels: network.labels.into_iter().flatten().collect(),
    }
}

pub(super) fn listed(network: Network) -> Listed {
    Listed {
        name: network.name.unwrap_or_default(),
        labels: network.labels.into_iter().flatten().collect(),
        ..Listed::default()
    }
}
