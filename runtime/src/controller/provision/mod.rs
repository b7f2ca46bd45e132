//! Creates a tenant's network, volumes and container in the engine, and removes them.

mod run_as;
pub(in crate::controller) mod spec;

use super::{ActionError, Controller};
use crate::engine::labels::RECREATED;
use crate::engine::{EngineError, FoundImage, Listed, Owned, Volumes};
use crate::identity::{ApiKey, SecretError};
use crate::network::Subnet;
use crate::service::log;
use crate::store::{Environment, now};
use futures_util::future::join_all;
use run_as::{ImageUser, RunAs};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often, and how far apart, the removal of a network is tried whose last endpoint the engine is still releasing.
const NETWORK_ATTEMPTS: u32 = 10;
const NETWORK_PAUSE: Duration = Duration::from_millis(100);
/// How many subnets the engine may refuse before a spawn fails: far more than an engine that is killed again and again leaves behind.
pub(super) const MAX_REFUSED: usize = 64;

impl Controller {
    /// The image in the engine that a record names, verified against the release's digests.
    pub(in crate::controller) async fn image_of(
        &self,
        record: &crate::store::ImageRecord,
    ) -> Result<FoundImage, ActionError> {
        let found = self.deps.engine.find_image(&record.into()).await?;
        found.ok_or_else(|| ActionError::ImageNotLoaded { name: record.name.clone(), config: record.config.clone() })
    }

    /// A tenant's key. Fails where it was derived from another secret than the host's: the tenant would get a key that the API refuses.
    pub(in crate::controller) fn key_of(&self, tenant: &Environment) -> Result<ApiKey, SecretError> {
        let key = self.deps.secret.key(&tenant.decided.nonce);
        if key.hash() == tenant.decided.key_hash { Ok(key) } else { Err(SecretError::Another { tenant: tenant.id }) }
    }

    /// Creates all of a tenant and starts it. Volumes that were `lost` are marked as made again. Where the engine refuses its subnet, the tenant gets another one, here and in its row. On
    /// failure, parts of it may remain.
    ///
    /// Creating the network takes as long as preparing the volumes, so both are done at once. Neither is dropped when the other fails:
    /// the engine carries a call out whether or not it is waited for.
    pub(in crate::controller) async fn provision(
        &self,
        tenant: &mut Environment,
        image: &FoundImage,
        key: &ApiKey,
        lost: &[String],
    ) -> Result<(), ActionError> {
        let engine = &self.deps.engine;
        let (networked, prepared) = tokio::join!(self.create_network(tenant), self.prepare(tenant, image, lost));
        tenant.decided.subnet = networked?;
        let user = prepared?;
        let container = spec::container(&self.deps.installation, tenant, image, user, key, &self.deps.settings);
        let preparation = tenant.id.preparation();
        // At once: the preparation has done its work, and the container does not wait for its removal.
        let (created, cleared) =
            tokio::join!(engine.create_container(&container), engine.remove_container(&preparation));
        created?;
        cleared?;
        Ok(engine.start(&container.name).await?)
    }

    /// Creates a tenant's network, and returns its subnet. One that the engine refuses is passed over: an engine that was killed holds
    /// addresses of networks that it does not list any more.
    async fn create_network(&self, tenant: &Environment) -> Result<Subnet, ActionError> {
        let mut tenant = tenant.clone();
        let mut refused = BTreeSet::new();
        loop {
            let subnet = tenant.decided.subnet;
            let created = self.deps.engine.create_network(&spec::network(&self.deps.installation, &tenant)).await;
            self.note_network(&created);
            match created {
                Err(error) if error.is_address_conflict() && refused.len() < MAX_REFUSED => {
                    log::warning!("subnet_refused", tenant = tenant.id, subnet = subnet, error = log::chain(&error));
                    refused.insert(subnet);
                    tenant.decided.subnet = self.move_to_another_subnet(tenant.id, &refused).await?;
                }
                created => return Ok(created.map(|()| subnet)?),
            }
        }
    }

    /// Creates the volumes and gives them to the tenant's user.
    ///
    /// A new volume belongs to root, and an unprivileged container cannot change that. So a second container of the same image, which is
    /// never started, mounts them, and the engine is asked to copy folders with the right owner into it. That works with any image: no
    /// program in it is run.
    async fn prepare(&self, tenant: &Environment, image: &FoundImage, lost: &[String]) -> Result<RunAs, ActionError> {
        let engine = &self.deps.engine;
        let create = async |volume: String| {
            let mut labels = spec::labels(&self.deps.installation, tenant.id, tenant.decided.key_hash);
            if lost.contains(&volume) {
                labels.insert(RECREATED.to_owned(), now());
            }
            engine.create_volume(&volume, &labels).await
        };
        all(spec::volumes(tenant).into_iter().map(|(volume, _)| create(volume))).await?;
        let preparation = spec::preparation(&self.deps.installation, tenant, image);
        engine.create_preparation(&preparation).await?;
        let user = self.user_of(tenant, image, &preparation.name).await?;
        // The folders exist, as the mount points of the volumes: the archive's entries change their owners and modes.
        for (parent, folders) in spec::mount_points(tenant, user) {
            engine.put_folders(&preparation.name, &parent, &folders).await?;
        }
        Ok(user)
    }

    async fn user_of(&self, tenant: &Environment, image: &FoundImage, container: &str) -> Result<RunAs, ActionError> {
        let (name, group) = match run_as::parse(&image.user, tenant.id) {
            ImageUser::Known(user) => return Ok(user),
            ImageUser::Named(name, group) => (name, group),
        };
        let unknown =
            || ActionError::UnknownUser { image: tenant.decided.image.name.clone(), user: image.user.clone() };
        let passwd = match self.deps.engine.read_file(container, "/etc/passwd").await {
            Ok(passwd) => passwd,
            // An image from scratch need not have the file, and then has no user of any name.
            Err(EngineError::NotFound { .. }) => return Err(unknown()),
            Err(error) => return Err(error.into()),
        };
        run_as::look_up(&String::from_utf8_lossy(&passwd), name, group, tenant.id).ok_or_else(unknown)
    }

    /// Removes all that the engine holds of a tenant, its data included.
    pub(in crate::controller) async fn remove_all(&self, tenant: &Environment) -> Result<(), EngineError> {
        self.remove_owned(&spec::of_tenant(&self.deps.installation, tenant), Volumes::Remove).await?;
        all(spec::volumes(tenant).into_iter().map(|(volume, _)| self.remove_unfinished(volume))).await
    }

    /// Removes a volume that an engine was making when it was killed: Docker makes the folder before it writes the labels. What bears any
    /// label, holds anything or is in use may be somebody else's, whatever its name.
    async fn remove_unfinished(&self, volume: String) -> Result<(), EngineError> {
        let Some(found) = self.deps.engine.volume(&volume).await?.filter(|found| found.labels.is_empty()) else {
            return Ok(());
        };
        if !self.is_empty(found.folder).await {
            return Ok(());
        }
        match self.deps.engine.remove_volume(&volume).await {
            Err(EngineError::Conflict { .. }) => Ok(()),
            removed => removed,
        }
    }

    /// Removes all objects that are `owned` ([`spec::of_tenant`], [`spec::of_number`]), whatever their names. Succeeds when nothing is left.
    ///
    /// Never by name: a restored database assigns numbers again, and names with them, under which the engine may hold another tenant's
    /// data.
    pub(in crate::controller) async fn remove_owned(&self, owned: &Owned, volumes: Volumes) -> Result<(), EngineError> {
        let engine = &self.deps.engine;
        let found = engine.list(owned.selector()).await?;
        // 1. Containers: the engine removes no network and no volume that one of them uses.
        all(found.containers.iter().map(|one| engine.remove_container(&one.name))).await?;
        // 2. Networks and volumes, which do not depend on each other.
        let volumes = if volumes == Volumes::Remove { found.volumes.as_slice() } else { &[] };
        let (networks, volumes) = tokio::join!(
            all(found.networks.iter().map(|one| self.remove_network(one))),
            all(volumes.iter().map(|one| engine.remove_volume(&one.name))),
        );
        networks?;
        volumes
    }

    async fn remove_network(&self, network: &Listed) -> Result<(), EngineError> {
        for _ in 1..NETWORK_ATTEMPTS {
            match self.deps.engine.remove_network(&network.name).await {
                // Docker answers 403 while an endpoint is active, which it may still be when its container has been
                // removed.
                Err(EngineError::Failed { .. } | EngineError::Conflict { .. }) => {
                    tokio::time::sleep(NETWORK_PAUSE).await;
                }
                other => return other,
            }
        }
        self.deps.engine.remove_network(&network.name).await
    }
}

/// Waits for all calls, even where one of them fails.
async fn all(calls: impl Iterator<Item = impl Future<Output = Result<(), EngineError>>>) -> Result<(), EngineError> {
    join_all(calls).await.into_iter().collect()
}
