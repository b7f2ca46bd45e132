//! A lock for each tenant: one task works on a tenant at a time.

use crate::identity::EnvId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The locks of all tenants. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct TenantLocks {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<HashSet<EnvId>>,
    released: Notify,
}

impl Inner {
    fn held(&self) -> MutexGuard<'_, HashSet<EnvId>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exclusive right to work on a tenant. Dropping it releases the lock.
#[derive(Debug)]
pub(super) struct TenantLock {
    inner: Arc<Inner>,
    id: EnvId,
}

impl TenantLocks {
    /// Takes the lock, unless another task holds it.
    pub(super) fn try_lock(&self, id: EnvId) -> Option<TenantLock> {
        self.inner.held().insert(id).then(|| TenantLock { inner: Arc::clone(&self.inner), id })
    }

    /// Waits for the lock.
    pub(super) async fn lock(&self, id: EnvId) -> TenantLock {
        loop {
            // Before the attempt: from its creation on it gets every `notify_waiters`, so that no release in between is
            // missed.
            let released = self.inner.released.notified();
            if let Some(lock) = self.try_lock(id) {
                return lock;
            }
            released.await;
        }
    }

    /// Returns when no lock is held.
    pub(super) async fn idle(&self) {
        loop {
            // Created before the check, as in `lock`: the last release may come right after it.
            let released = self.inner.released.notified();
            if self.inner.held().is_empty() {
                return;
            }
            released.await;
        }
    }
}

impl Drop for TenantLock {
    fn drop(&mut self) {
        self.inner.held().remove(&self.id);
        // All of them: one `Notify` serves all tenants, and each waiter looks for its own lock.
        self.inner.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn one_task_works_on_a_tenant_at_a_time() {
        let locks = TenantLocks::default();
        let first = locks.try_lock(EnvId(1)).unwrap();
        assert!(locks.try_lock(EnvId(1)).is_none());
        let other = locks.try_lock(EnvId(2)).unwrap();
        let waiting = locks.clone();
        let second = tokio::spawn(async move { waiting.lock(EnvId(1)).await });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop((first, other));
        let second = second.await.unwrap();
        let waiting = locks.clone();
        let idle = tokio::spawn(async move { waiting.idle().await });
        tokio::task::yield_now().await;
        assert!(!idle.is_finished());
        drop(second);
        idle.await.unwrap();
    }
}
