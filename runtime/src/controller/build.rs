//! Makes a tenant's network, volumes and container in the engine, and removes them.

use super::run_as::{self, ImageUser, RunAs};
use super::{ActionError, Controller, spec};
use crate::engine::{EngineError, Folder, FoundImage, Listed, Volumes};
use crate::identity::{ApiKey, SecretError};
use crate::store::Environment;
use futures_util::future::join_all;
use std::time::Duration;

/// How often, and how long apart, a network is removed whose last endpoint the engine is still letting go.
const NETWORK_TRIES: u32 = 10;
const NETWORK_PAUSE: Duration = Duration::from_millis(100);

impl Controller {
    /// The image of a tenant in the engine, as the release has it.
    pub(super) async fn image_of(&self, record: &crate::store::ImageRecord) -> Result<FoundImage, ActionError> {
        let found = self.deps.engine.find_image(&record.into()).await?;
        found.ok_or_else(|| ActionError::ImageNotLoaded { name: record.name.clone(), config: record.config.clone() })
    }

    /// A tenant's key. Fails where the host's secret is not the one that the tenant's key was made with: its app would be given a key
    /// that nobody takes.
    pub(super) fn key_of(&self, tenant: &Environment) -> Result<ApiKey, SecretError> {
        let key = self.deps.secret.key(&tenant.decided.nonce);
        if key.hash() == tenant.decided.key_hash { Ok(key) } else { Err(SecretError::Another { tenant: tenant.id }) }
    }

    /// Makes all of a tenant and starts it. On failure, parts of it may be left.
    ///
    /// A network takes the engine as long as preparing the volumes does, so both happen at once. Neither is dropped when the
    /// other fails: a call that was sent is carried out whether or not anybody waits for it.
    pub(super) async fn build(
        &self,
        tenant: &Environment,
        image: &FoundImage,
        key: &ApiKey,
    ) -> Result<(), ActionError> {
        let engine = &self.deps.engine;
        let network = spec::network(tenant);
        let (networked, prepared) = tokio::join!(engine.create_network(&network), self.prepare(tenant, image));
        networked?;
        let user = prepared?;
        let container = spec::container(tenant, image, user, key, &self.deps.settings);
        let preparation = tenant.id.preparation();
        let (made, cleared) = tokio::join!(engine.create_container(&container), engine.remove_container(&preparation));
        made?;
        cleared?;
        Ok(engine.start(&container.name).await?)
    }

    /// Makes the volumes and gives them to the tenant's user.
    ///
    /// A fresh volume belongs to root, and a container that may not be root cannot change that. So a second container, of the same image
    /// and never started, mounts them, and their roots are put into it with the right owner: that works with any image, whatever is in it.
    async fn prepare(&self, tenant: &Environment, image: &FoundImage) -> Result<RunAs, ActionError> {
        let engine = &self.deps.engine;
        let labels = spec::labels(tenant.id, tenant.decided.key_hash);
        let (files, history) = (tenant.id.files_volume(), tenant.id.history_volume());
        let (files, history) =
            tokio::join!(engine.create_volume(&files, &labels), engine.create_volume(&history, &labels));
        files?;
        history?;
        let preparation = spec::preparation(tenant, image);
        engine.create_preparation(&preparation).await?;
        let user = self.user_of(tenant, image, &preparation.name).await?;
        let folder = |name: &str| Folder { name: name.to_owned(), uid: user.uid, gid: user.gid };
        engine.put_folders(&preparation.name, spec::DATA, &[folder(spec::FILES), folder(spec::HISTORY)]).await?;
        Ok(user)
    }

    async fn user_of(&self, tenant: &Environment, image: &FoundImage, container: &str) -> Result<RunAs, ActionError> {
        let (name, group) = match run_as::parse(&image.user) {
            ImageUser::Known(user) => return Ok(user),
            ImageUser::Named(name, group) => (name, group),
        };
        let unknown =
            || ActionError::UnknownUser { image: tenant.decided.image.name.clone(), user: image.user.clone() };
        let passwd = match self.deps.engine.read_file(container, "/etc/passwd").await {
            Ok(passwd) => passwd,
            Err(EngineError::NotFound { .. }) => return Err(unknown()),
            Err(error) => return Err(error.into()),
        };
        run_as::look_up(&String::from_utf8_lossy(&passwd), name, group).ok_or_else(unknown)
    }

    /// Removes all that bears `label` ([`spec::owned_by`], [`spec::numbered_as`]), whatever it is called. Succeeds when nothing is left.
    ///
    /// Never by name: a restored database gives numbers away again, and names with them, whose data in the engine is somebody else's.
    pub(super) async fn clear(&self, label: &str, volumes: Volumes) -> Result<(), EngineError> {
        let engine = &self.deps.engine;
        let found = engine.list(label).await?;
        all(found.containers.iter().map(|one| engine.remove_container(&one.name))).await?;
        let volumes = if volumes == Volumes::Remove { found.volumes.as_slice() } else { &[] };
        let (networks, volumes) = tokio::join!(
            all(found.networks.iter().map(|one| self.clear_network(one))),
            all(volumes.iter().map(|one| engine.remove_volume(&one.name))),
        );
        networks?;
        volumes
    }

    async fn clear_network(&self, network: &Listed) -> Result<(), EngineError> {
        for _ in 1..NETWORK_TRIES {
            match self.deps.engine.remove_network(&network.name).await {
                Err(EngineError::Failed { .. } | EngineError::Conflict { .. }) => {
                    tokio::time::sleep(NETWORK_PAUSE).await;
                }
                other => return other,
            }
        }
        self.deps.engine.remove_network(&network.name).await
    }
}

/// Finishes all calls, also when one of them fails.
async fn all(calls: impl Iterator<Item = impl Future<Output = Result<(), EngineError>>>) -> Result<(), EngineError> {
    join_all(calls).await.into_iter().collect()
}
