//! A limit on open connections, in total and for each client address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts open connections. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimit {
    total: usize,
    per_address: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The permission for one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    limit: ConnectionLimit,
    address: IpAddr,
}

impl ConnectionLimit {
    /// Allows `total` connections, of which one address may have `per_address`.
    pub(crate) fn new(total: usize, per_address: usize) -> Self {
        Self { total, per_address, open: Arc::default() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Permits a connection from `address`, unless a limit is reached.
    pub(crate) fn acquire(&self, address: IpAddr) -> Option<ConnectionPermit> {
        let mut open = self.open();
        // Counted from the map, so that there is no second number that could disagree with it.
        let (total, own) = (open.values().sum::<usize>(), open.get(&address).copied().unwrap_or(0));
        if total >= self.total || own >= self.per_address {
            return None;
        }
        open.insert(address, own + 1);
        Some(ConnectionPermit { limit: self.clone(), address })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limit.open();
        if let Some(own) = open.get_mut(&self.address) {
            *own -= 1;
            // The map holds open connections only: it must not grow with every client that ever connected.
            if *own == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn neither_one_address_nor_all_together_exceed_their_limit() {
        let limit = ConnectionLimit::new(3, 2);
        let [one, two, three] = [2, 3, 4].map(|last| IpAddr::from([10, 213, 0, last]));
        let mut of_one: Vec<_> = (0..2).map(|_| limit.acquire(one).unwrap()).collect();
        assert!(limit.acquire(one).is_none());
        let of_two = limit.acquire(two).unwrap();
        assert!(limit.acquire(three).is_none());
        of_one.pop();
        let of_three = limit.acquire(three).unwrap();
        assert!(limit.acquire(one).is_none());
        drop((of_one, of_two, of_three));
        assert!(limit.open().is_empty());
    }
}
