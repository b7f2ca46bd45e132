//! The status of tenants.

use super::observed::{Figures, LastCheck, Samples, megabytes};
use super::{ActionError, Controller, Health};
use crate::identity::{EnvId, OrgId};
use crate::store::{Environment, Status, rfc3339};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long a sample is valid, and how long to wait for a new one.
const SAMPLE_TTL: Duration = Duration::from_secs(5);
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A tenant in full.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Its number.
    pub env_id: EnvId,
    /// Its name.
    pub name: String,
    /// The organization that owns it.
    pub org_id: OrgId,
    /// Its state.
    pub status: Status,
    /// Whether it answers.
    pub health: Health,
    /// Its container.
    pub container_name: String,
    /// Its port on the host.
    pub port: u16,
    /// The image that it was created from.
    pub image: String,
    /// Seconds since its container was started; 0 when it does not run, absent when the engine does not answer.
    pub uptime: Option<u64>,
    /// Its average share of one core since the last status, or since its start: `12.5%`.
    pub cpu_usage: Option<String>,
    /// Its memory: `128MB`.
    pub memory_usage: Option<String>,
    /// What its volumes held when they were measured last: `128MB`.
    #[serde(default)]
    pub disk_usage: Option<String>,
    /// Why it is stopped, where that is so for the disk.
    #[serde(default)]
    pub stop_reason: Option<String>,
    /// The last check of its health since its container was started.
    pub last_check: Option<HealthCheck>,
    /// The exit code of its container, or of the run before this one; absent where it never ended since the service was started.
    pub exit_code: Option<i64>,
    /// How often its container was started or made again since the service was started.
    #[serde(default)]
    pub restarts: u32,
    /// What an operator should know of it, in one line each: volumes that were gone, output that is slowed down.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// When it was created, RFC 3339 in UTC.
    pub created_at: String,
}

/// One check of a tenant's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// When it was, RFC 3339 in UTC.
    pub at: String,
    /// What it found: `answered 200`, `connection refused`.
    pub result: String,
}

impl From<LastCheck> for HealthCheck {
    fn from(check: LastCheck) -> Self {
        Self { at: rfc3339(check.at), result: check.outcome.to_string() }
    }
}

/// A tenant in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantSummary {
    /// Its number.
    pub env_id: EnvId,
    /// Its name.
    pub name: String,
    /// The organization that owns it.
    pub org_id: OrgId,
    /// Its state.
    pub status: Status,
    /// Whether it answers.
    pub health: Health,
    /// Its port on the host.
    pub port: u16,
    /// Why it is stopped, where that is so for the disk.
    #[serde(default)]
    pub stop_reason: Option<String>,
    /// When it was created, RFC 3339 in UTC.
    pub created_at: String,
}

impl Controller {
    /// A tenant in full. Where the engine does not answer, its values are `None`.
    pub async fn status(&self, id: EnvId) -> Result<TenantStatus, ActionError> {
        let tenant = self.tenant(id).await?;
        let container = id.container();
        let (state, samples) = tokio::join!(self.deps.engine.inspect(&container), self.sample(id, &container));
        let ends = self.observed.ends(id);
        let exit_code =
            state.as_ref().ok().and_then(Option::as_ref).and_then(|state| state.exit_code).or(ends.last_exit);
        // Unknown, rather than zero: the container may be running.
        let figures =
            state.map_or_else(|_| Figures::default(), |state| samples.figures(state.as_ref(), Timestamp::now()));
        Ok(TenantStatus {
            env_id: id,
            org_id: tenant.decided.org,
            status: tenant.status,
            health: self.observed.health(id),
            container_name: container,
            port: tenant.decided.port,
            image: tenant.decided.image.name,
            uptime: figures.uptime,
            cpu_usage: figures.cpu,
            memory_usage: figures.memory,
            disk_usage: self.disk.holding(id).map(|held| megabytes(held.bytes)),
            stop_reason: self.disk.stop_reason(id),
            exit_code,
            restarts: ends.restarts,
            warnings: self.recreated.warnings(id).into_iter().chain(self.output.warning(id)).collect(),
            last_check: self.observed.last_check(id).map(Into::into),
            name: tenant.decided.name,
            created_at: tenant.created_at,
        })
    }

    /// What a tenant uses, sampled at most [`SAMPLE_TTL`] ago: Docker 20.10 takes up to a second for a sample.
    async fn sample(&self, id: EnvId, container: &str) -> Samples {
        let known = self.observed.samples(id);
        if known.is_fresh(Instant::now(), SAMPLE_TTL) {
            return known;
        }
        match tokio::time::timeout(SAMPLE_TIMEOUT, self.deps.engine.usage(container)).await {
            Ok(Ok(usage)) => self.observed.add_sample(id, usage, Instant::now()),
            // An older sample is still the container's: `started` drops those of the one before.
            Ok(Err(_)) | Err(_) => known,
        }
    }

    /// All tenants, or those of one organization, by number.
    pub async fn tenants(&self, org: Option<OrgId>) -> Result<Vec<TenantSummary>, ActionError> {
        let tenants = self.deps.store.environments(org).await?;
        let tenants = tenants.into_iter().filter(|tenant| tenant.id != EnvId::CANARY);
        let summary = |tenant: Environment| TenantSummary {
            env_id: tenant.id,
            org_id: tenant.decided.org,
            status: tenant.status,
            health: self.observed.health(tenant.id),
            port: tenant.decided.port,
            stop_reason: self.disk.stop_reason(tenant.id),
            name: tenant.decided.name,
            created_at: tenant.created_at,
        };
        Ok(tenants.map(summary).collect())
    }
}
