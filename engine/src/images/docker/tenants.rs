//! What tenants have in the engine, found by the label that all of it carries.

use super::{During as _, EngineError, Volumes, is_not_found};
use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptions, ListNetworksOptions, ListVolumesOptions, RemoveContainerOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};
use std::collections::HashMap;

/// Removes what carries `label`: a label's name, or `name=value`.
pub(super) async fn remove(client: &Docker, label: &str, volumes: Volumes) -> Result<(), EngineError> {
    remove_containers(client, label).await?;
    remove_networks(client, label).await?;
    match volumes {
        Volumes::Keep => Ok(()),
        Volumes::Remove => remove_volumes(client, label).await,
    }
}

fn labelled(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

async fn remove_containers(client: &Docker, label: &str) -> Result<(), EngineError> {
    let options =
        ListContainersOptions { all: true, filters: Some(labelled(label)), ..ListContainersOptions::default() };
    for container in client.list_containers(Some(options)).await.during("list tenants' containers")? {
        let Some(id) = container.id else { continue };
        let force = RemoveContainerOptionsBuilder::new().force(true).build();
        match client.remove_container(&id, Some(force)).await {
            Err(error) if is_not_found(&error) => {}
            other => other.during(format!("remove the container {id}"))?,
        }
    }
    Ok(())
}

async fn remove_networks(client: &Docker, label: &str) -> Result<(), EngineError> {
    let options = ListNetworksOptions { filters: Some(labelled(label)) };
    for network in client.list_networks(Some(options)).await.during("list tenants' networks")? {
        let Some(id) = network.id else { continue };
        match client.remove_network(&id).await {
            Err(error) if is_not_found(&error) => {}
            other => other.during(format!("remove the network {id}"))?,
        }
    }
    Ok(())
}

async fn remove_volumes(client: &Docker, label: &str) -> Result<(), EngineError> {
    let options = ListVolumesOptions { filters: Some(labelled(label)) };
    let list = client.list_volumes(Some(options)).await.during("list tenants' volumes")?;
    for volume in list.volumes.into_iter().flatten() {
        let force = RemoveVolumeOptionsBuilder::new().force(true).build();
        match client.remove_volume(&volume.name, Some(force)).await {
            Err(error) if is_not_found(&error) => {}
            other => other.during(format!("remove the volume {}", volume.name))?,
        }
    }
    Ok(())
}
