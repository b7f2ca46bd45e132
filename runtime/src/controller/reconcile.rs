//! Makes the engine agree with the database, after a crash of either, a reboot, or somebody's hand.
//!
//! Each round lists what bears our label, compares it with the rows, and looks closer at each tenant that does not agree. Closer means
//! under the tenant's lock, with a row and a container that are read anew: the listing may be older than what another worker did meanwhile.

use super::decide::{Seen, Step, decide};
use super::{ActionError, Controller, spec};
use crate::engine::{Listed, Listing, Volumes, labels};
use crate::identity::EnvId;
use crate::service::log;
use crate::store::{Environment, Status, StoreError};
use futures_util::StreamExt as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(5);
/// Networks and volumes are listed every so many rounds: only a restored database makes orphans of them.
const FULL_EVERY: u32 = 12;
/// Tenants that are worked on at a time.
const AT_ONCE: usize = 4;
/// Before the engine's events are asked for again.
const EVENTS_PAUSE: Duration = Duration::from_secs(1);

impl Controller {
    /// Goes round until it is dropped.
    pub async fn reconcile(&self) {
        let rounds = async {
            let mut engine_was_up = true;
            for round in 0_u32.. {
                let listed = if round % FULL_EVERY == 0 || !engine_was_up {
                    self.deps.engine.list(labels::TENANT).await
                } else {
                    let containers = self.deps.engine.list_containers(labels::TENANT).await;
                    containers.map(|containers| Listing { containers, ..Listing::default() })
                };
                if listed.is_ok() != engine_was_up {
                    engine_was_up = listed.is_ok();
                    log::warning!("engine_changed", available = engine_was_up);
                }
                if let Ok(listing) = listed {
                    self.settle_all(&listing).await;
                }
                self.beat();
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::join!(rounds, self.listen());
    }

    /// Looks at a tenant as soon as its container ended, which callers at its door wait for.
    async fn listen(&self) {
        loop {
            let exits = self.deps.engine.exits(labels::TENANT);
            let ended = exits.filter_map(|ended| std::future::ready(ended.ok().as_deref().and_then(spec::numbered)));
            ended.for_each_concurrent(AT_ONCE, |id| self.settle_or_warn(id)).await;
            tokio::time::sleep(EVENTS_PAUSE).await;
        }
    }

    async fn settle_all(&self, listing: &Listing) {
        let rows = match self.deps.store.environments(None).await {
            Ok(rows) => rows,
            Err(error) => return log::error!("reconcile_failed", error = log::chain(&error)),
        };
        if let Err(error) = self.reserve_numbers(listing, &rows).await {
            log::error!("reconcile_failed", error = log::chain(&error));
        }
        let ids = disagreeing(&rows, listing, |id| self.live.is_running(id));
        let settle = async |id| {
            self.settle_or_warn(id).await;
            // The first round after a reboot starts all tenants, which is no reason to be taken for dead.
            self.beat();
        };
        futures_util::stream::iter(ids).for_each_concurrent(AT_ONCE, settle).await;
    }

    fn beat(&self) {
        *self.last_beat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn settle_or_warn(&self, id: EnvId) {
        if let Err(error) = self.settle(id).await {
            log::warning!("tenant_not_settled", tenant = id, error = log::chain(&error));
        }
    }

    /// No number that something in the engine bears is given to a new tenant, which would then find a stranger's data.
    async fn reserve_numbers(&self, listing: &Listing, rows: &[Environment]) -> Result<(), StoreError> {
        let known: BTreeSet<EnvId> = rows.iter().map(|row| row.id).collect();
        let all = listing.containers.iter().chain(&listing.networks).chain(&listing.volumes);
        let strange = all.filter_map(|one| spec::tenant_of(&one.labels)).filter(|id| !known.contains(id)).max();
        match strange {
            Some(id) => self.deps.store.skip_ids_through(id).await,
            None => Ok(()),
        }
    }

    /// Looks once at all that the engine holds, before the first number is given away: an older database that was restored gives the
    /// numbers of its own time away again.
    pub(super) async fn survey(&self) -> Result<(), ActionError> {
        let look = async || {
            let listing = self.deps.engine.list(labels::TENANT).await?;
            let rows = self.deps.store.environments(None).await?;
            Ok(self.reserve_numbers(&listing, &rows).await?)
        };
        self.surveyed.get_or_try_init(look).await.copied()
    }

    /// Does what one tenant needs, unless somebody else is working on it.
    async fn settle(&self, id: EnvId) -> Result<(), ActionError> {
        // Between a spawn's row and its lock, nobody may take the row for one that was left behind.
        let lock = {
            let _alone = self.allocation.lock().await;
            self.locks.try_lock(id)
        };
        let Some(_lock) = lock else { return Ok(()) };
        let row = self.deps.store.environment(id).await?;
        let container = self.deps.engine.inspect(&id.container()).await?;
        let seen = container.map(|state| Seen {
            running: state.running,
            ours: row.as_ref().is_some_and(|row| spec::is_ours(&state.labels, row.decided.key_hash)),
        });
        let step = decide(row.as_ref().map(|row| (row.status, row.desired)), seen);
        match (step, row) {
            (Step::RemoveOrphan, _) | (_, None) => self.remove_orphan(id).await,
            (Step::Remove, Some(row)) => self.remove(&row).await,
            (Step::Adopt, Some(row)) => self.adopt(&row).await,
            (Step::Start | Step::Rebuild, Some(row)) => self.revive(&row, step).await,
        }
    }

    async fn remove_orphan(&self, id: EnvId) -> Result<(), ActionError> {
        if id == EnvId::CANARY {
            return self.clear_canary().await;
        }
        self.clear(&spec::numbered_as(id), Volumes::Keep).await?;
        log::warning!("orphan_removed", tenant = id, volumes = "kept");
        Ok(())
    }

    /// Leads callers to a container that runs.
    async fn adopt(&self, tenant: &Environment) -> Result<(), ActionError> {
        if !self.live.has(tenant.id) {
            self.open_port(tenant);
        }
        if !self.live.is_running(tenant.id) {
            self.live.runs(Self::target(tenant));
            log::info!("tenant_adopted", tenant = tenant.id);
        }
        if tenant.status != Status::Running {
            self.deps.store.set_status(tenant.id, Status::Running).await?;
        }
        Ok(())
    }

    /// Gets a tenant that should run to run, if it is time for another try.
    async fn revive(&self, tenant: &Environment, step: Step) -> Result<(), ActionError> {
        let (id, now) = (tenant.id, Instant::now());
        self.live.stopped(id);
        if self.live.may_try(id, now) {
            self.live.count_try(id, now);
            match self.bring_back(tenant, step).await {
                Ok(()) => {
                    log::info!(
                        "tenant_restarted",
                        tenant = id,
                        rebuilt = (step == Step::Rebuild),
                        ms = now.elapsed().as_millis()
                    );
                    return self.adopt(tenant).await;
                }
                Err(error) => log::warning!("tenant_not_restarted", tenant = id, error = log::chain(&error)),
            }
        }
        if tenant.status == Status::Running {
            self.deps.store.set_status(id, Status::Stopped).await?;
        }
        Ok(())
    }

    /// Starts the container, or makes it again where there is none, it is not ours, or it does not start: its network may be gone.
    async fn bring_back(&self, tenant: &Environment, step: Step) -> Result<(), ActionError> {
        if step == Step::Start {
            match self.deps.engine.start(&tenant.id.container()).await {
                Err(error) if !error.is_unavailable() => {
                    log::warning!("tenant_not_started", tenant = tenant.id, error = log::chain(&error));
                }
                other => return Ok(other?),
            }
        }
        let key = self.key_of(tenant)?;
        let image = self.image_of(&tenant.decided.image).await?;
        self.clear(&spec::numbered_as(tenant.id), Volumes::Keep).await?;
        self.build(tenant, &image, &key).await
    }
}

/// The tenants to look closer at: those of which rows and listing do not say that all is well. Pure.
fn disagreeing(rows: &[Environment], listing: &Listing, led_to: impl Fn(EnvId) -> bool) -> BTreeSet<EnvId> {
    let containers: BTreeMap<&str, &Listed> = listing.containers.iter().map(|one| (one.name.as_str(), one)).collect();
    let well = |row: &Environment| {
        let container = containers.get(row.id.container().as_str());
        let seen =
            container.map(|one| Seen { running: one.running, ours: spec::is_ours(&one.labels, row.decided.key_hash) });
        let adopted = decide(Some((row.status, row.desired)), seen) == Step::Adopt;
        adopted && row.status == Status::Running && led_to(row.id)
    };
    let known: BTreeSet<EnvId> = rows.iter().map(|row| row.id).collect();
    let bearers = |listed: &[Listed]| listed.iter().filter_map(|one| spec::tenant_of(&one.labels)).collect::<Vec<_>>();
    // Volumes without a row are kept, so they ask for nothing, but for those of a canary.
    let canary = bearers(&listing.volumes).into_iter().filter(|id| *id == EnvId::CANARY);
    let labelled = bearers(&listing.containers).into_iter().chain(bearers(&listing.networks)).chain(canary);
    let orphans = labelled.filter(|id| !known.contains(id));
    rows.iter().filter(|row| !well(row)).map(|row| row.id).chain(orphans).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::controller::{Dependencies, LIVELY};
    use crate::engine::fake::FakeContainerEngine;
    use crate::identity::{HostSecret, KeyHash, KeyNonce, OrgId};
    use crate::network::TenantAddresses;
    use crate::release::Catalog;
    use crate::service::FdStore;
    use crate::settings::Settings;
    use crate::store::{ImageRecord, Migrations, NewEnvironment, Store};
    use crate::tenant_ports::TenantPorts;
    use std::sync::Arc;

    fn tenant(number: u16) -> NewEnvironment {
        let [config, health] = ["sha256:00", "/"].map(str::to_owned);
        NewEnvironment {
            org: OrgId::DEFAULT,
            name: "acme".into(),
            port: number,
            subnet: format!("10.213.{number}.0/29").parse().unwrap(),
            nonce: KeyNonce([0; 16]),
            key_hash: KeyHash::of(&number.to_string()),
            image: ImageRecord { name: "hello".into(), config, diff_ids: vec![], port: 80, health },
        }
    }

    #[test]
    fn what_nobody_knows_is_looked_at_and_so_are_volumes_of_a_canary_alone() {
        let listed =
            |id| Listed { name: "one".into(), labels: [(labels::TENANT.to_owned(), id)].into(), running: false };
        let all = |id: &str| vec![listed(id.to_owned())];
        for (listing, expected) in [
            (Listing { containers: all("7"), ..Listing::default() }, &[EnvId(7)][..]),
            (Listing { networks: all("7"), ..Listing::default() }, &[EnvId(7)]),
            (Listing { volumes: all("7"), ..Listing::default() }, &[]),
            (Listing { volumes: all("0"), ..Listing::default() }, &[EnvId::CANARY]),
        ] {
            let found: Vec<EnvId> = disagreeing(&[], &listing, |_| false).into_iter().collect();
            assert_eq!(found, expected, "{listing:?}");
        }
    }

    #[tokio::test]
    async fn a_round_gives_a_sign_of_life_with_each_tenant() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::parse("[api]\naddress = \"127.0.0.1\"").unwrap();
        let engine = Arc::new(FakeContainerEngine::default());
        let deps = Dependencies {
            catalog: Catalog { version: "1.0.0".into(), serial: 1, images: vec![] },
            store: Store::open(&folder.path().join("landfall.db"), &Migrations::OWN).unwrap().0,
            engine: engine.clone(),
            secret: HostSecret::load_or_create(&folder.path().join("secret")).unwrap(),
            ports: TenantPorts::new(*settings.api.ip(), TenantAddresses::new(settings.pool, []), FdStore::disabled()),
            settings,
        };
        let controller = Controller::new(deps).await.unwrap();
        // One more than are worked on at a time, so that the round goes on when the first have been looked at.
        for number in 0..=u16::try_from(AT_ONCE).unwrap() {
            controller.deps.store.insert_environment(tenant(number)).await.unwrap();
        }
        let gate = engine.hold("inspect");
        *controller.last_beat.lock().unwrap() = Instant::now().checked_sub(2 * LIVELY).unwrap();
        assert!(!controller.is_alive().await);
        let nothing = Listing::default();
        gate.pass(1);
        let lives = async {
            while !controller.is_alive().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = controller.settle_all(&nothing) => panic!("the round went on past the gate"),
            () = lives => {}
        }
    }
}
