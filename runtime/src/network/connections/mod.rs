//! Open connections: how many there may be, and which one gives way to a new one.
//!
//! Where a limit is reached, a connection is closed for the new one rather than the new one refused: otherwise whoever opens connections and
//! sends nothing keeps everybody out. The address with the most connections gives one up first, the one on which nothing has moved for the
//! longest time.

mod activity;
mod clock;
mod scope;

pub(crate) use activity::Activity;
pub(crate) use clock::Clock;

use scope::{Entry, Id, Newcomer, Open, Scope};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Memory of the host for each connection, in bytes. What is queued in the kernel for one may be as much.
const MEMORY_PER_CONNECTION: u64 = 512 << 10;
/// The fewest and the most connections at a time, whatever memory the host has: the most hold a quarter of the unit's descriptors.
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
    table: Arc<Mutex<Table>>,
    clock: Arc<Clock>,
}

/// The open connections, and what each limit counts of them.
#[derive(Debug, Default)]
struct Table {
    open: Open,
    next: Id,
    total: Scope,
    ports: HashMap<u16, Scope>,
}

/// The permission for one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    id: Id,
    activity: Arc<Activity>,
    table: Connections,
}

impl Connections {
    /// No connection yet.
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, table: Arc::default(), clock: Arc::new(Clock::new()) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something moved on connections of other ports than this one within the last `span`.
    pub(crate) fn others_moved(&self, port: u16, span: Duration) -> bool {
        self.clock.others_moved(port, span)
    }

    /// Permits a connection from `address` at `port`. Where a limit is reached, another one is told to end, or this one is refused.
    pub(crate) fn admit(&self, address: IpAddr, port: u16) -> Option<Connection> {
        let ConnectionLimits { total, per_port, per_address, idle } = self.limits;
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let newcomer = Newcomer { address, idle_since: self.clock.now().checked_sub(idle) };
        let activity = Arc::new(Activity::new(Arc::clone(&self.clock), port));
        let mut table = self.table();
        // The narrowest limit first: an address beyond its share replaces a connection of its own.
        let has_room = table.make_room_for_address(newcomer, per_address)
            && table.make_room_at_port(newcomer, port, per_port)
            && table.make_room(newcomer, total);
        let id = has_room.then(|| table.add(Entry { port, address, activity: Arc::clone(&activity) }))?;
        Some(Connection { id, activity, table: self.clone() })
    }
}

impl Table {
    fn make_room_for_address(&mut self, newcomer: Newcomer, limit: usize) -> bool {
        self.total.of_address(newcomer.address) < limit || {
            let victim = self.total.own_victim(newcomer, &self.open);
            self.evict(victim)
        }
    }

    fn make_room_at_port(&mut self, newcomer: Newcomer, port: u16, limit: usize) -> bool {
        let Some(scope) = self.ports.get_mut(&port) else { return limit > 0 };
        scope.len() < limit || {
            let victim = scope.victim(newcomer, &self.open);
            self.evict(victim)
        }
    }

    fn make_room(&mut self, newcomer: Newcomer, limit: usize) -> bool {
        self.total.len() < limit || {
            let victim = self.total.victim(newcomer, &self.open);
            self.evict(victim)
        }
    }

    /// Tells a connection to end; whether there is one.
    fn evict(&mut self, victim: Option<Id>) -> bool {
        let evicted = victim.and_then(|id| self.remove(id));
        evicted.inspect(|entry| entry.activity.evict()).is_some()
    }

    fn add(&mut self, entry: Entry) -> Id {
        let id = self.next;
        self.next += 1;
        let last = entry.activity.last();
        self.total.add(id, entry.address, last);
        self.ports.entry(entry.port).or_default().add(id, entry.address, last);
        self.open.insert(id, entry);
        id
    }

    /// Removes a connection, unless it was evicted already.
    fn remove(&mut self, id: Id) -> Option<Entry> {
        let entry = self.open.remove(&id)?;
        self.total.remove(entry.address, &self.open);
        if let Some(scope) = self.ports.get_mut(&entry.port) {
            scope.remove(entry.address, &self.open);
            if scope.len() == 0 {
                self.ports.remove(&entry.port);
            }
        }
        Some(entry)
    }
}

impl Connection {
    /// Where the connection's traffic is noted, and who serves it.
    pub(crate) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The table holds open connections only: it must not grow with every client that ever connected.
        self.table.table().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn room_grows_with_the_hosts_memory_within_bounds() {
        let total = |bytes: u64| ConnectionLimits::of_memory(bytes).total;
        assert_eq!((total(64 << 20), total(2 << 30), total(1 << 40)), (1024, 4096, 8192));
    }

    #[test]
    fn one_address_or_one_port_has_half_of_the_room_and_takes_nobody_elses() {
        let limits = ConnectionLimits { idle: Duration::MAX, ..ConnectionLimits::of_memory(0) };
        let table = Connections::new(limits);
        let flood: Vec<Connection> = (0..limits.total).filter_map(|_| table.admit(address(1), 1)).collect();
        assert_eq!(flood.len(), limits.total / 2);
        assert!(table.admit(address(1), 2).is_none(), "no other port either");
        let others: Vec<Connection> = (2..=255).filter_map(|from| table.admit(address(from), 2)).collect();
        assert_eq!((others.len(), table.table().total.of_address(address(1))), (254, limits.total / 2));
        assert!(table.admit(address(2), 1).is_some(), "the flooded port is open to others");
        assert_eq!(table.table().ports[&1].of_address(address(1)), limits.total / 2 - 1);
    }

    #[test]
    fn the_units_descriptors_suffice_for_the_most_connections() {
        let unit = include_str!("../../../../systemd/units/landfall.service");
        let limit = unit.lines().find_map(|line| line.strip_prefix("LimitNOFILE=")).unwrap();
        // The other half is for listening sockets, the API, the engine and files.
        assert!(2 * LARGEST_TOTAL <= limit.parse::<usize>().unwrap() / 2, "{limit}");
    }

    #[test]
    fn a_flood_of_idle_connections_keeps_nobody_out() {
        let table = Connections::new(ConnectionLimits { total: 100, per_port: 8, per_address: 6, idle: Duration::MAX });
        let mut flood: Vec<Connection> = (0..6).map(|_| table.admit(address(1), 1).unwrap()).collect();
        flood.extend((0..2).map(|_| table.admit(address(2), 1).unwrap()));
        let honest = table.admit(address(3), 1).unwrap();
        let told = flood.iter().filter(|connection| connection.activity.is_evicted()).count();
        assert_eq!(told, 1, "one of the flood's gives way");
        assert!(!honest.activity.is_evicted());
        assert!(table.admit(address(1), 2).is_some(), "another port has room");
        drop((flood, honest));
        let table = table.table();
        assert!(table.open.is_empty() && table.total.len() == 0 && table.ports.is_empty());
    }

    #[tokio::test]
    async fn a_task_ends_when_its_connection_gives_way_also_before_it_was_named() {
        let table = Connections::new(ConnectionLimits { total: 1, per_port: 1, per_address: 1, idle: Duration::ZERO });
        let serve = || tokio::spawn(std::future::pending::<()>());
        for named_late in [false, true] {
            let (first, task) = (table.admit(address(1), 1).unwrap(), serve());
            if !named_late {
                first.activity().served_by(task.abort_handle());
            }
            let _second = table.admit(address(1), 1).unwrap();
            if named_late {
                first.activity().served_by(task.abort_handle());
            }
            assert!(task.await.unwrap_err().is_cancelled());
        }
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
