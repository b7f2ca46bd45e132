//! How tenants are, and how the service is.

use super::{ActionError, Controller, Health};
use crate::engine::{ContainerState, EngineError, Usage};
use crate::names::{EnvId, OrgId};
use crate::store::{Environment, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long an answer about the service's health is good for: callers without a token may ask, so asking must be cheap.
const HEALTH_TTL: Duration = Duration::from_millis(500);

/// A tenant in full.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Its number.
    pub env_id: EnvId,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub org_id: OrgId,
    /// Where it is in its life.
    pub status: Status,
    /// Whether it answers.
    pub health: Health,
    /// Its container.
    pub container_name: String,
    /// Its front door.
    pub port: u16,
    /// The image that it was made from.
    pub image: String,
    /// Seconds since its container was started; 0 when it does not run, absent when the engine does not say.
    pub uptime: Option<u64>,
    /// What it used of one core since the last question, or since its start: `12.5%`.
    pub cpu_usage: Option<String>,
    /// What it holds: `128MB`.
    pub memory_usage: Option<String>,
    /// When it was created, RFC 3339 in UTC.
    pub created_at: String,
}

/// A tenant in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantSummary {
    /// Its number.
    pub env_id: EnvId,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub org_id: OrgId,
    /// Where it is in its life.
    pub status: Status,
    /// Whether it answers.
    pub health: Health,
    /// Its front door.
    pub port: u16,
    /// When it was created, RFC 3339 in UTC.
    pub created_at: String,
}

/// Whether the service can do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceHealth {
    /// The engine answers.
    pub engine: bool,
    /// The database answers.
    pub database: bool,
}

impl Controller {
    /// A tenant in full. When the engine does not answer, what it would say is left out.
    pub async fn status(&self, id: EnvId) -> Result<TenantStatus, ActionError> {
        let tenant = self.tenant(id).await?;
        let container = id.container();
        let engine = &self.parts.engine;
        let (state, usage) = tokio::join!(engine.inspect(&container), engine.usage(&container));
        let now = Instant::now();
        let before = usage.as_ref().ok().and_then(|usage| self.live.sampled(id, *usage, now));
        let figures = figures(&state, usage.ok(), before, Timestamp::now());
        Ok(TenantStatus {
            env_id: id,
            org_id: tenant.decided.org,
            status: tenant.status,
            health: self.live.health(id),
            container_name: container,
            port: tenant.decided.port,
            image: tenant.decided.image.name,
            uptime: figures.uptime,
            cpu_usage: figures.cpu,
            memory_usage: figures.memory,
            name: tenant.decided.name,
            created_at: tenant.created_at,
        })
    }

    /// All tenants, or those of one organization, by number.
    pub async fn tenants(&self, org: Option<OrgId>) -> Result<Vec<TenantSummary>, ActionError> {
        let tenants = self.parts.store.environments(org).await?;
        let summary = |tenant: Environment| TenantSummary {
            env_id: tenant.id,
            org_id: tenant.decided.org,
            status: tenant.status,
            health: self.live.health(tenant.id),
            port: tenant.decided.port,
            name: tenant.decided.name,
            created_at: tenant.created_at,
        };
        Ok(tenants.into_iter().map(summary).collect())
    }

    /// Whether the engine and the database answer, at most half a second ago.
    pub async fn health(&self) -> ServiceHealth {
        let mut known = self.health.lock().await;
        if let Some((at, health)) = *known
            && at.elapsed() < HEALTH_TTL
        {
            return health;
        }
        let (engine, database) = tokio::join!(self.parts.engine.ping(), self.parts.store.check());
        let health = ServiceHealth { engine: engine.is_ok(), database: database.is_ok() };
        *known = Some((Instant::now(), health));
        health
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    uptime: Option<u64>,
    cpu: Option<String>,
    memory: Option<String>,
}

/// What a person is shown. The engine's one-shot sample counts CPU time since the start, so that two samples give the use between
/// them, and one the use since the start.
fn figures(
    state: &Result<Option<ContainerState>, EngineError>,
    usage: Option<Usage>,
    before: Option<(Duration, Usage)>,
    now: Timestamp,
) -> Figures {
    let state = match state {
        Err(_) => return Figures::default(),
        Ok(state) => state.as_ref().filter(|state| state.running),
    };
    let Some(state) = state else {
        return Figures { uptime: Some(0), cpu: Some(percent(0, Duration::ZERO)), memory: Some(megabytes(0)) };
    };
    let up = state.started_at.map(|start| Duration::try_from(now.duration_since(start)).unwrap_or_default());
    let cpu = |usage: &Usage| match before {
        Some((age, before)) if before.cpu_nanos <= usage.cpu_nanos => {
            Some(percent(usage.cpu_nanos - before.cpu_nanos, age))
        }
        _ => up.map(|up| percent(usage.cpu_nanos, up)),
    };
    Figures {
        uptime: up.map(|up| up.as_secs()),
        cpu: usage.as_ref().and_then(cpu),
        memory: usage.map(|usage| megabytes(usage.memory)),
    }
}

/// Of one core, to a tenth.
fn percent(cpu_nanos: u64, time: Duration) -> String {
    let per_mille = u128::from(cpu_nanos) * 1000 / time.as_nanos().max(1);
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

/// Millions of bytes, to a tenth where that says something.
fn megabytes(bytes: u64) -> String {
    match bytes / 100_000 {
        tenths @ 1..100 => format!("{}.{}MB", tenths / 10, tenths % 10),
        tenths => format!("{}MB", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn shown(
        running: bool,
        usage: Option<Usage>,
        before: Option<(u64, u64)>,
    ) -> (Option<u64>, Option<String>, Option<String>) {
        let started_at = Some("2026-11-22T00:00:00Z".parse().unwrap());
        let state = Ok(Some(ContainerState { running, started_at, exit_code: None, labels: [].into() }));
        let before = before.map(|(age, cpu_nanos)| (Duration::from_secs(age), Usage { cpu_nanos, memory: 0 }));
        let figures = figures(&state, usage, before, "2026-11-22T00:00:10Z".parse().unwrap());
        (figures.uptime, figures.cpu, figures.memory)
    }

    #[test]
    fn figures_are_those_that_people_read() {
        let usage = Some(Usage { cpu_nanos: 1_250_000_000, memory: 128_400_000 });
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(shown(true, usage, None), (Some(10), text("12.5%"), text("128MB")));
        assert_eq!(shown(true, usage, Some((2, 250_000_000))), (Some(10), text("50.0%"), text("128MB")));
        // Its container was made again in between.
        assert_eq!(shown(true, usage, Some((2, 9_000_000_000))), (Some(10), text("12.5%"), text("128MB")));
        assert_eq!(shown(true, None, None), (Some(10), None, None));
        assert_eq!(shown(false, usage, None), (Some(0), text("0.0%"), text("0MB")));
        let down = Err(EngineError::Unavailable(String::new()));
        assert_eq!(figures(&down, usage, None, Timestamp::UNIX_EPOCH), Figures::default());
    }

    #[test]
    fn small_amounts_keep_a_tenth() {
        for (bytes, text) in
            [(0, "0MB"), (99_999, "0MB"), (650_000, "0.6MB"), (9_990_000, "9.9MB"), (10_000_000, "10MB")]
        {
            assert_eq!(megabytes(bytes), text);
        }
    }
}
