//! Volumes.

use super::connection::Docker;
use super::label_filter;
use super::response::found;
use crate::containers::Listed;
use crate::error::EngineError;
use crate::labels::{Labels, Selector};
use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptionsBuilder};

impl Docker {
    /// Docker returns a volume that exists already. Its labels tell whether it is the one that was asked for.
    pub(super) async fn make_volume(&self, name: &str, labels: &Labels) -> Result<(), EngineError> {
        let operation = format!("create volume {name}");
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..Default::default()
        };
        let volume = self.ask(&operation, async |client| client.create_volume(request).await).await?;
        if labels.iter().all(|(key, value)| volume.labels.get(key) == Some(value)) {
            return Ok(());
        }
        Err(EngineError::Conflict { operation, message: "a volume with this name has other labels".to_owned() })
    }

    pub(super) async fn look_at_volume(&self, name: &str) -> Result<Option<Listed>, EngineError> {
        let operation = format!("inspect volume {name}");
        let volume = found(self.ask(&operation, async |client| client.inspect_volume(name).await).await)?;
        Ok(volume.map(listed))
    }

    /// With `force`, a volume is removed even if its driver fails.
    pub(super) async fn delete_volume(&self, name: &str, force: bool) -> Result<(), EngineError> {
        let operation = format!("remove volume {name}");
        let options = RemoveVolumeOptionsBuilder::new().force(force).build();
        self.ask(&operation, async |client| client.remove_volume(name, Some(options)).await).await
    }

    pub(super) async fn selected_volumes(&self, by: &Selector) -> Result<Vec<Volume>, EngineError> {
        let options = ListVolumesOptionsBuilder::new().filters(&label_filter::filters(by)).build();
        let answer = self.ask("list volumes", async |client| client.list_volumes(Some(options)).await).await?;
        let listed = answer.volumes.unwrap_or_default();
        Ok(listed.into_iter().filter(|one| label_filter::selects(by, Some(&one.labels))).collect())
    }
}

pub(super) fn listed(volume: Volume) -> Listed {
    // Of another driver than `local`, it may be empty.
    let folder = Some(volume.mountpoint).filter(|folder| !folder.is_empty()).map(Into::into);
    Listed { name: volume.name, labels: volume.labels.into_iter().collect(), folder, ..Listed::default() }
}
