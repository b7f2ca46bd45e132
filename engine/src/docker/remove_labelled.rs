//! Removes everything that bears a label, for the installer.

use super::connection::Docker;
use super::response::found;
use crate::error::EngineError;
use crate::images::Volumes;

impl Docker {
    /// Containers go first: they hold networks and volumes in use.
    pub(super) async fn remove_all_labelled(&self, label: &str, volumes: Volumes) -> Result<(), EngineError> {
        for id in self.labelled_containers(label).await?.into_iter().filter_map(|container| container.id) {
            found(self.delete_container(&id).await)?;
        }
        for id in self.labelled_networks(label).await?.into_iter().filter_map(|network| network.id) {
            found(self.delete_network(&id).await)?;
        }
        if volumes == Volumes::Remove {
            for volume in self.labelled_volumes(label).await? {
                found(self.delete_volume(&volume.name, true).await)?;
            }
        }
        Ok(())
    }
}
