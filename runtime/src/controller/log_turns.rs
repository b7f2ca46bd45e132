//! The tenants' turns at reading their output. What that costs the engine grows with the output, and no limit of the tenant's counts it: so a
//! tenant reads once at a time, and rests nine times as long as a reading took, which is a tenth of one processor at most.

use crate::identity::EnvId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turnstile, OwnedMutexGuard};
use tokio::time::Instant;

/// A rest after a reading, in times of what it took.
const REST: u32 = 9;
/// What a followed output is taken to cost. Its beginning is read while the response is under way.
const FOLLOWING: Duration = Duration::from_millis(400);
/// Tenants that are remembered before those that have rested are forgotten.
const REMEMBERED: usize = 256;

/// When each tenant has rested.
#[derive(Debug, Default)]
pub(super) struct LogTurns(Mutex<HashMap<EnvId, Arc<Turnstile<Instant>>>>);

/// A tenant's turn. It rests from the end of it on, also where the reading was given up.
#[derive(Debug)]
pub(super) struct LogTurn {
    rested: OwnedMutexGuard<Instant>,
    begun: Instant,
    at_least: Duration,
}

impl LogTurns {
    /// Waits until a tenant has rested from its last reading.
    pub(super) async fn next(&self, tenant: EnvId) -> LogTurn {
        let turnstile = self.turnstile(tenant);
        let rested = turnstile.lock_owned().await;
        tokio::time::sleep_until(*rested).await;
        LogTurn { rested, begun: Instant::now(), at_least: Duration::ZERO }
    }

    fn turnstile(&self, tenant: EnvId) -> Arc<Turnstile<Instant>> {
        let mut turnstiles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turnstiles.len() > REMEMBERED {
            let now = Instant::now();
            // One that is locked, or about to be, has another owner.
            turnstiles.retain(|_, known| Arc::strong_count(known) > 1 || known.try_lock().is_ok_and(|at| *at > now));
        }
        Arc::clone(turnstiles.entry(tenant).or_insert_with(|| Arc::new(Turnstile::new(Instant::now()))))
    }
}

impl LogTurn {
    /// Ends it where the output is followed from now on.
    pub(super) fn follows(mut self) {
        self.at_least = FOLLOWING;
    }
}

impl Drop for LogTurn {
    fn drop(&mut self) {
        let now = Instant::now();
        *self.rested = now + now.duration_since(self.begun).max(self.at_least) * REST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tenant_rests_nine_times_as_long_as_it_read_and_no_other_waits_for_it() {
        let (turns, one, start) = (LogTurns::default(), EnvId(1), Instant::now());
        let reading = turns.next(one).await;
        drop(turns.next(EnvId(2)).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(reading);
        let following = turns.next(one).await;
        assert!(start.elapsed() >= Duration::from_millis(5) * (1 + REST), "{:?}", start.elapsed());
        let begun = Instant::now();
        following.follows();
        let turnstile = turns.turnstile(one);
        assert!(*turnstile.lock().await >= begun + FOLLOWING * REST);
    }

    #[tokio::test]
    async fn who_has_rested_is_forgotten() {
        let turns = LogTurns::default();
        for tenant in 1..=10_000 {
            drop(turns.next(EnvId(tenant)).await);
        }
        assert!(turns.0.lock().is_ok_and(|known| known.len() < 5000));
    }
}
