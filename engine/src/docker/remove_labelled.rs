//! Removes what an installation's tenants have in the engine, for the installer.

use super::connection::Docker;
use super::response::found;
use crate::error::EngineError;
use crate::images::Volumes;
use crate::labels::Owned;

impl Docker {
    /// An object that disappears between the listing and its removal is no error.
    pub(super) async fn remove_all_owned(&self, owned: &Owned, volumes: Volumes) -> Result<(), EngineError> {
        let by = owned.selector();
        // 1. Containers: they keep networks and volumes in use.
        for id in self.selected_containers(by).await?.into_iter().filter_map(|container| container.id) {
            found(self.delete_container(&id).await)?;
        }
        // 2. Networks, by id: the names of networks need not be unique.
        for id in self.selected_networks(by).await?.into_iter().filter_map(|network| network.id) {
            found(self.delete_network(&id).await)?;
        }
        // 3. Volumes, whose data is lost. By force, since nobody would come back for what a failing driver left.
        if volumes == Volumes::Remove {
            for volume in self.selected_volumes(by).await? {
                found(self.delete_volume(&volume.name, true).await)?;
            }
        }
        Ok(())
    }
}
