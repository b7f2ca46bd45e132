//! Who is being worked on: one worker a tenant at a time.

use crate::names::EnvId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The tenants that somebody is working on.
#[derive(Debug, Clone, Default)]
pub(super) struct Transitions {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    busy: Mutex<HashSet<EnvId>>,
    left: Notify,
}

impl Inner {
    fn busy(&self) -> MutexGuard<'_, HashSet<EnvId>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to work on a tenant, until it is dropped.
#[derive(Debug)]
pub(super) struct Transition {
    inner: Arc<Inner>,
    id: EnvId,
}

impl Transitions {
    /// Begins, unless somebody else works on the tenant.
    pub(super) fn try_begin(&self, id: EnvId) -> Option<Transition> {
        self.inner.busy().insert(id).then(|| Transition { inner: Arc::clone(&self.inner), id })
    }

    /// Begins when nobody else works on the tenant any more.
    pub(super) async fn begin(&self, id: EnvId) -> Transition {
        loop {
            let left = self.inner.left.notified();
            if let Some(transition) = self.try_begin(id) {
                return transition;
            }
            left.await;
        }
    }

    /// Returns when nobody works on any tenant.
    pub(super) async fn idle(&self) {
        loop {
            let left = self.inner.left.notified();
            if self.inner.busy().is_empty() {
                return;
            }
            left.await;
        }
    }
}

impl Drop for Transition {
    fn drop(&mut self) {
        self.inner.busy().remove(&self.id);
        self.inner.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn one_worker_a_tenant_at_a_time() {
        let transitions = Transitions::default();
        let first = transitions.try_begin(EnvId(1)).unwrap();
        assert!(transitions.try_begin(EnvId(1)).is_none());
        let other = transitions.try_begin(EnvId(2)).unwrap();
        let waiting = transitions.clone();
        let second = tokio::spawn(async move { waiting.begin(EnvId(1)).await });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop((first, other));
        let second = second.await.unwrap();
        let waiting = transitions.clone();
        let idle = tokio::spawn(async move { waiting.idle().await });
        tokio::task::yield_now().await;
        assert!(!idle.is_finished());
        drop(second);
        idle.await.unwrap();
    }
}
