//! Open connections: how many there may be, and which one gives way to a new one.
//!
//! Where a limit is reached, a connection is closed for the new one rather than the new one refused: otherwise whoever opens connections and
//! sends nothing keeps everybody out. The address with the most connections gives one up first, the one on which nothing has moved for the
//! longest time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Memory of the host for each connection, in bytes. What is queued in the kernel for one may be as much.
const MEMORY_PER_CONNECTION: u64 = 512 << 10;
/// The fewest and the most connections at a time, whatever memory the host has: the most hold half of the unit's descriptors.
const SMALLEST_TOTAL: usize = 1024;
const LARGEST_TOTAL: usize = 8192;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// In all.
    pub(crate) total: usize,
    /// At one listening port.
    pub(crate) per_port: usize,
    /// From one client address.
    pub(crate) per_address: usize,
    /// How long nothing has to have moved on a connection for it to give way to one of an address that has as many.
    pub(crate) idle: Duration,
}

/// Long enough for a request that is being answered, short enough for people to wait.
pub(crate) const IDLE: Duration = Duration::from_secs(5);

impl ConnectionLimits {
    /// In proportion to the host's memory. One port or one address may have half of all: the address may be a proxy's.
    pub(crate) fn of_memory(bytes: u64) -> Self {
        let wanted = usize::try_from(bytes / MEMORY_PER_CONNECTION).unwrap_or(LARGEST_TOTAL);
        let total = wanted.clamp(SMALLEST_TOTAL, LARGEST_TOTAL);
        Self { total, per_port: total / 2, per_address: total / 2, idle: IDLE }
    }
}

/// The open connections that share limits. Clones are the same table.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    limits: ConnectionLimits,
    open: Arc<Mutex<HashMap<u64, Entry>>>,
    next: Arc<AtomicU64>,
    began: Instant,
}

#[derive(Debug)]
struct Entry {
    port: u16,
    address: IpAddr,
    activity: Arc<Activity>,
}

/// When something last moved on a connection, and whether it has to give way.
#[derive(Debug)]
pub(crate) struct Activity {
    began: Instant,
    /// Milliseconds since then.
    last: AtomicU64,
    evicted: Notify,
}

/// The permission for one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    id: u64,
    activity: Arc<Activity>,
    table: Connections,
}

/// A connection that may give way.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    id: u64,
    address: IpAddr,
    idle: Duration,
}

impl Connections {
    /// No connection yet.
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, open: Arc::default(), next: Arc::default(), began: Instant::now() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Permits a connection from `address` at `port`. Where a limit is reached, another one is told to end, or this one is refused.
    pub(crate) fn admit(&self, address: IpAddr, port: u16) -> Option<Connection> {
        let mut open = self.open();
        // The narrowest limit first: an address beyond its share replaces a connection of its own.
        let ConnectionLimits { total, per_port, per_address, idle } = self.limits;
        let newcomer = Newcomer { address, idle };
        let has_room = make_room(&mut open, per_address, |entry| entry.address == address, newcomer)
            && make_room(&mut open, per_port, |entry| entry.port == port, newcomer)
            && make_room(&mut open, total, |_| true, newcomer);
        if !has_room {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::new(self.began));
        open.insert(id, Entry { port, address, activity: Arc::clone(&activity) });
        Some(Connection { id, activity, table: self.clone() })
    }
}

/// Whether those in `scope` leave room below `limit`, after one of them was told to end where they have reached it.
fn make_room(open: &mut HashMap<u64, Entry>, limit: usize, scope: impl Fn(&Entry) -> bool, newcomer: Newcomer) -> bool {
    let candidates = open.iter().filter(|(_, entry)| scope(entry)).map(|(id, entry)| Candidate {
        id: *id,
        address: entry.address,
        idle: entry.activity.idle(),
    });
    let candidates: Vec<Candidate> = candidates.collect();
    if candidates.len() < limit {
        return true;
    }
    let evicted = victim(&candidates, newcomer).and_then(|victim| open.remove(&victim));
    evicted.is_some_and(|entry| {
        entry.activity.evicted.notify_one();
        true
    })
}

/// Who wants a connection.
#[derive(Debug, Clone, Copy)]
struct Newcomer {
    address: IpAddr,
    /// How long a connection has to be idle to give way to it where its own address has as many as others.
    idle: Duration,
}

/// Which of the candidates gives way to the newcomer, if any does.
fn victim(candidates: &[Candidate], newcomer: Newcomer) -> Option<u64> {
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    for candidate in candidates {
        *counts.entry(candidate.address).or_default() += 1;
    }
    let own = counts.get(&newcomer.address).copied().unwrap_or(0);
    let (heaviest, most) = counts.into_iter().max_by_key(|(address, count)| (*count, *address))?;
    let longest_idle = |among: &dyn Fn(&&Candidate) -> bool| {
        candidates.iter().filter(among).max_by_key(|candidate| (candidate.idle, candidate.id)).map(|found| found.id)
    };
    // Afterwards the newcomer has at most as many as the other: no two addresses take connections from each other in turn.
    if most > own + 1 {
        return longest_idle(&|candidate| candidate.address == heaviest);
    }
    longest_idle(&|candidate| candidate.idle >= newcomer.idle)
}

impl Activity {
    /// Of a connection that begins now; times are counted from `began`.
    pub(crate) fn new(began: Instant) -> Self {
        let activity = Self { began, last: AtomicU64::new(0), evicted: Notify::new() };
        activity.touch();
        activity
    }

    /// Something has moved.
    pub(crate) fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    fn idle(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }
}

impl Connection {
    /// Where the connection's traffic is noted.
    pub(crate) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    /// Returns when the connection has to give way to another one.
    pub(crate) async fn evicted(&self) {
        self.activity.evicted.notified().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The map holds open connections only: it must not grow with every client that ever connected.
        self.table.open().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use tokio::time::timeout;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn from(last: u8) -> Newcomer {
        Newcomer { address: address(last), idle: IDLE }
    }

    fn candidate(id: u64, from: u8, idle: u64) -> Candidate {
        Candidate { id, address: address(from), idle: Duration::from_secs(idle) }
    }

    #[test]
    fn the_address_with_the_most_connections_gives_one_up_first() {
        let flood = [candidate(1, 1, 0), candidate(2, 1, 2), candidate(3, 1, 1), candidate(4, 2, 60)];
        assert_eq!(victim(&flood, from(3)), Some(2), "though another address has one that is idle for longer");
        assert_eq!(victim(&flood, from(2)), Some(2), "two against one");
        assert_eq!(victim(&flood, from(1)), Some(4), "its own are busy");
    }

    #[test]
    fn among_equals_only_what_is_idle_gives_way() {
        let equal = [candidate(1, 1, 3), candidate(2, 2, 4)];
        assert_eq!(victim(&equal, from(3)), None);
        assert_eq!(victim(&[candidate(1, 1, 3), candidate(2, 2, 9)], from(3)), Some(2));
        assert_eq!(victim(&[], from(3)), None);
    }

    #[test]
    fn room_grows_with_the_hosts_memory_within_bounds() {
        let total = |bytes: u64| ConnectionLimits::of_memory(bytes).total;
        assert_eq!((total(64 << 20), total(2 << 30), total(1 << 40)), (1024, 4096, 8192));
    }

    #[tokio::test]
    async fn a_flood_of_idle_connections_keeps_nobody_out() {
        let table = Connections::new(ConnectionLimits { total: 100, per_port: 8, per_address: 6, idle: Duration::MAX });
        let mut flood: Vec<Connection> = (0..6).map(|_| table.admit(address(1), 1).unwrap()).collect();
        flood.extend((0..2).map(|_| table.admit(address(2), 1).unwrap()));
        let honest = table.admit(address(3), 1).unwrap();
        let told = flood.iter().map(|connection| timeout(Duration::ZERO, connection.evicted()));
        let told = futures_util::future::join_all(told).await.into_iter().flatten().count();
        assert_eq!(told, 1, "one of the flood's gives way");
        assert!(timeout(Duration::ZERO, honest.evicted()).await.is_err());
        assert!(table.admit(address(1), 2).is_some(), "another port has room");
        drop((flood, honest));
        assert!(table.open().is_empty());
    }

    #[test]
    fn busy_connections_of_equal_addresses_are_not_closed_for_more() {
        let table = Connections::new(ConnectionLimits { total: 2, per_port: 2, per_address: 2, idle: Duration::MAX });
        let both = [1, 2].map(|from| table.admit(address(from), 1).unwrap());
        assert!(table.admit(address(3), 1).is_none());
        drop(both);
        assert!(table.admit(address(3), 1).is_some());
    }
}
