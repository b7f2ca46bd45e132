//! Removes everything that bears a label, for the installer.

use super::connection::Docker;
use super::response::found;
use crate::error::EngineError;
use crate::images::Volumes;

impl Docker {
    /// An object that disappears between the listing and its removal is no error.
    pub(super) async fn remove_all_labelled(&self, label: &str, volumes: Volumes) -> Result<(), EngineError> {
        // 1. Containers: they keep networks and volumes in use.
        for id in self.labelled_containers(label).await?.into_iter().filter_map(|container| container.id) {
            found(self.delete_container(&id).await)?;
        }
        // 2. Networks, by id: the names of networks need not be unique.
        for id in self.labelled_networks(label).await?.into_iter().filter_map(|network| network.id) {
            found(self.delete_network(&id).await)?;
        }
        // 3. Volumes, whose data is lost. By force, since nobody would come back for what a failing driver left.
        if volumes == Volumes::Remove {
            for volume in self.labelled_volumes(label).await? {
                found(self.delete_volume(&volume.name, true).await)?;
            }
        }
        Ok(())
    }
}
