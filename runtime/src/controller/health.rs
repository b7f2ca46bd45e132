//! The health of the service: whether it can do its work, spawning tenants included, and what keeps it from it.

use super::provision::{MAX_REFUSED, spec};
use super::{ActionError, Controller};
use crate::engine::{EngineError, InstallationId, NetworkSpec};
use crate::identity::{EnvId, KeyHash};
use crate::network::Subnet;
use crate::service::log;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long an answer is valid: clients without a token may ask, so that asking must be cheap.
const HEALTH_TTL: Duration = Duration::from_millis(500);
/// How long the last look for a free subnet is valid: it takes the engine's networks and all routes of the host.
const SUBNET_TTL: Duration = Duration::from_secs(5);

/// Why a part of the service cannot do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// For everybody: it tells nothing about the host.
    pub summary: &'static str,
    /// For operators.
    pub detail: String,
}

impl Problem {
    fn new(summary: &'static str, error: &dyn std::error::Error) -> Self {
        Self { summary, detail: log::chain(error) }
    }
}

/// Whether the service can do its work: what is wrong with each part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceHealth {
    /// The engine does not answer.
    pub engine: Option<Problem>,
    /// The database cannot be read or written, or its disk is full.
    pub database: Option<Problem>,
    /// The next tenant would get no network.
    pub network: Option<Problem>,
    /// The disk has less free space than tenants have to leave to the host.
    pub disk: Option<Problem>,
}

impl ServiceHealth {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.problems().next().is_none()
    }

    /// Whether the release works: an address pool or a disk without room is the host's, and no older release has more of it.
    pub fn is_release_ok(&self) -> bool {
        self.engine.is_none() && self.database.is_none()
    }

    /// All that is wrong.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        [&self.engine, &self.database, &self.network, &self.disk].into_iter().flatten()
    }
}

/// What is known of the health of the service.
#[derive(Debug, Default)]
pub(super) struct KnownHealth {
    /// The last answer, and when it was given.
    last: Option<(Instant, ServiceHealth)>,
    /// The last look for a free subnet: when it was, and why there was none.
    subnet: Option<(Instant, Option<Problem>)>,
}

impl Controller {
    /// Whether the service can do its work, at most half a second ago.
    pub async fn health(&self) -> ServiceHealth {
        // Held until there is an answer: of many clients at once, one asks the engine and the others share its answer.
        let mut known = self.health.lock().await;
        if let Some((at, health)) = &known.last
            && at.elapsed() < HEALTH_TTL
        {
            return health.clone();
        }
        let (engine, database) = tokio::join!(self.deps.engine.ping(), self.deps.store.check_writes());
        let mut health = ServiceHealth {
            engine: engine.err().map(|error| Problem::new("the container engine does not answer", &error)),
            database: database.err().map(|error| Problem::new("the database cannot be read and written", &error)),
            network: None,
            disk: self.check_reserve().await.err().map(|error| Problem::new("the disk is short", &error)),
        };
        // Both are asked for the next subnet, and their own failures say more.
        if health.is_release_ok() {
            health.network = self.network_problem(&mut known.subnet).await;
        }
        if known.last.as_ref().is_none_or(|(_, before)| *before != health) {
            health.problems().for_each(|problem| log::warning!("degraded", problem = problem.detail));
        }
        known.last = Some((Instant::now(), health.clone()));
        health
    }

    /// Why the next tenant would get no network.
    async fn network_problem(&self, subnet: &mut Option<(Instant, Option<Problem>)>) -> Option<Problem> {
        if let Some(detail) = self.refused_network() {
            return Some(Problem { summary: "the container engine makes no network for the next tenant", detail });
        }
        if subnet.as_ref().is_none_or(|(at, _)| at.elapsed() >= SUBNET_TTL) {
            *subnet = Some((Instant::now(), self.next_subnet_problem().await));
        }
        subnet.as_ref().and_then(|(_, problem)| problem.clone())
    }

    async fn next_subnet_problem(&self) -> Option<Problem> {
        let look = async {
            let others = self.other_networks().await?;
            let tenants = self.deps.store.environments(None).await?;
            Ok::<_, ActionError>(self.free_subnet(&tenants, &others, &BTreeSet::new())?)
        };
        look.await.err().map(|error| Problem::new("no subnet is free for the next tenant", &error))
    }

    /// Notes whether the engine made a network for a tenant when it was last asked to.
    pub(super) fn note_network(&self, created: &Result<(), EngineError>) {
        let problem = match created {
            // That the engine did not answer is known from its own check, and says nothing about networks.
            Err(error) if error.is_unavailable() => return,
            Err(error) => Some(log::chain(error)),
            Ok(()) => None,
        };
        *self.refused_network.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = problem;
    }

    fn refused_network(&self) -> Option<String> {
        self.refused_network.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Where the engine refused a tenant's network, finds out whether it still does, with a network of the canary's that is removed at
    /// once: otherwise the service would stay unhealthy until somebody spawns a tenant.
    pub(super) async fn retry_refused_network(&self) -> Result<(), ActionError> {
        if self.refused_network().is_none() {
            return Ok(());
        }
        let Some(_lock) = self.locks.try_lock(EnvId::CANARY) else { return Ok(()) };
        self.clear_canary().await?;
        let others = self.other_networks().await?;
        let tenants = self.deps.store.environments(None).await?;
        let mut refused = BTreeSet::new();
        loop {
            let subnet = self.free_subnet(&tenants, &others, &refused)?;
            let created = self.deps.engine.create_network(&trial(&self.deps.installation, subnet)).await;
            if created.as_ref().is_err_and(EngineError::is_address_conflict) && refused.len() < MAX_REFUSED {
                refused.insert(subnet);
                continue;
            }
            self.note_network(&created);
            return self.clear_canary().await;
        }
    }
}

/// A network that is removed as soon as it was made.
fn trial(installation: &InstallationId, subnet: Subnet) -> NetworkSpec {
    NetworkSpec {
        name: EnvId::CANARY.container(),
        bridge: EnvId::CANARY.bridge(),
        subnet: subnet.to_string(),
        gateway: subnet.gateway(),
        labels: spec::labels(installation, EnvId::CANARY, KeyHash::of("a trial")),
    }
}
