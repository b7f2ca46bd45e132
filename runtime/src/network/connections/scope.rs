//! Some of the open connections: those that one limit counts.

use super::activity::Activity;
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// A connection's number. A later one has a greater number.
pub(super) type Id = u64;
/// The open connections that all scopes are parts of.
pub(super) type Open = HashMap<Id, Entry>;

/// An open connection.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) port: u16,
    pub(super) address: IpAddr,
    pub(super) activity: Arc<Activity>,
}

/// Who wants a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer {
    pub(super) address: IpAddr,
    /// What has not moved since then, in milliseconds, is idle: it gives way where its own address has as many as others.
    pub(super) idle_since: Option<u64>,
}

/// The connections of one scope. No call takes longer the more of them there are, but for a logarithm: a host that is flooded with
/// connections must not lose its time by looking through them.
#[derive(Debug, Default)]
pub(super) struct Scope {
    all: ByIdleness,
    addresses: HashMap<IpAddr, ByIdleness>,
    /// How many each address has, in order.
    counts: BTreeSet<(usize, IpAddr)>,
}

impl Scope {
    pub(super) fn len(&self) -> usize {
        self.all.count
    }

    pub(super) fn of_address(&self, address: IpAddr) -> usize {
        self.addresses.get(&address).map_or(0, |own| own.count)
    }

    pub(super) fn add(&mut self, id: Id, address: IpAddr, last: u64) {
        self.all.add(id, last);
        let own = self.addresses.entry(address).or_default();
        own.add(id, last);
        self.counts.remove(&(own.count - 1, address));
        self.counts.insert((own.count, address));
    }

    /// Counts one connection of `address` less. `open` has lost it already.
    pub(super) fn remove(&mut self, address: IpAddr, open: &Open) {
        self.all.remove(open);
        if let Some(own) = self.addresses.get_mut(&address) {
            own.remove(open);
            self.counts.remove(&(own.count + 1, address));
            if own.count > 0 {
                self.counts.insert((own.count, address));
            } else {
                self.addresses.remove(&address);
            }
        }
    }

    /// Which connection gives way to the newcomer, if any does: one of the address with the most, the one on which nothing has moved for
    /// the longest time.
    pub(super) fn victim(&mut self, newcomer: Newcomer, open: &Open) -> Option<Id> {
        let (most, heaviest) = *self.counts.last()?;
        // Afterwards the newcomer has at most as many as the other: no two addresses take connections from each other in turn.
        if most > self.of_address(newcomer.address) + 1 {
            return self.addresses.get_mut(&heaviest)?.longest_idle(open).map(|(_, id)| id);
        }
        self.all.idle(newcomer, open)
    }

    /// Which of the newcomer's own connections gives way to it, if one is idle.
    pub(super) fn own_victim(&mut self, newcomer: Newcomer, open: &Open) -> Option<Id> {
        self.addresses.get_mut(&newcomer.address)?.idle(newcomer, open)
    }
}

/// Connections in the order in which something last moved on them, as far as that is known: a connection that moves is put in its new
/// place when it is looked at, and one that closes is left out then.
#[derive(Debug, Default)]
struct ByIdleness {
    order: BinaryHeap<Reverse<(u64, Id)>>,
    /// How many of them are open.
    count: usize,
}

impl ByIdleness {
    fn add(&mut self, id: Id, last: u64) {
        self.order.push(Reverse((last, id)));
        self.count += 1;
    }

    fn remove(&mut self, open: &Open) {
        self.count -= 1;
        // Bounds the memory for closed ones. As often as needed for each connection to be looked at once on average.
        if self.order.len() > 2 * self.count + SLACK {
            self.order.retain(|Reverse((_, id))| open.contains_key(id));
        }
    }

    fn idle(&mut self, newcomer: Newcomer, open: &Open) -> Option<Id> {
        let idle_since = newcomer.idle_since?;
        self.longest_idle(open).filter(|(last, _)| *last <= idle_since).map(|(_, id)| id)
    }

    /// When something last moved on the connection that is idle for the longest time, and its number.
    fn longest_idle(&mut self, open: &Open) -> Option<(u64, Id)> {
        while let Some(mut first) = self.order.peek_mut() {
            let Reverse((known, id)) = *first;
            match open.get(&id).map(|entry| entry.activity.last()) {
                None => drop(PeekMut::pop(first)),
                Some(last) if last > known => *first = Reverse((last, id)),
                Some(last) => return Some((last, id)),
            }
        }
        None
    }
}

/// Closed connections that a small scope may still list.
const SLACK: usize = 16;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::network::Clock;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// A scope of these connections, each as its address and when something last moved on it.
    fn scope(connections: &[(u8, u64)]) -> (Scope, Open) {
        let (mut scope, mut open) = (Scope::default(), Open::new());
        for (id, (from, last)) in (0..).zip(connections) {
            // Known as it was when it began.
            scope.add(id, address(*from), 0);
            let activity = Activity::new(Arc::new(Clock::new()), 0);
            activity.set_last(*last);
            open.insert(id, Entry { port: 1, address: address(*from), activity: Arc::new(activity) });
        }
        (scope, open)
    }

    fn victim(connections: &[(u8, u64)], from: u8, idle_since: Option<u64>) -> Option<Id> {
        let (mut scope, open) = scope(connections);
        scope.victim(Newcomer { address: address(from), idle_since }, &open)
    }

    #[test]
    fn the_address_with_the_most_connections_gives_one_up_first() {
        let flood = [(1, 90), (1, 70), (1, 80), (2, 10)];
        let since = Some(50);
        assert_eq!(victim(&flood, 3, since), Some(1), "though another address has one that is idle for longer");
        assert_eq!(victim(&flood, 2, since), Some(1), "two against one");
        assert_eq!(victim(&flood, 1, since), Some(3), "its own are busy");
    }

    #[test]
    fn among_equals_only_what_is_idle_gives_way() {
        assert_eq!(victim(&[(1, 70), (2, 60)], 3, Some(50)), None);
        assert_eq!(victim(&[(1, 70), (2, 40)], 3, Some(50)), Some(1));
        assert_eq!(victim(&[(1, 70), (2, 40)], 3, None), None);
        assert_eq!(victim(&[], 3, Some(50)), None);
    }

    #[test]
    fn an_address_beyond_its_share_gives_up_one_of_its_own() {
        let (mut scope, open) = scope(&[(1, 70), (1, 40), (2, 10)]);
        let own = |scope: &mut Scope, from| {
            scope.own_victim(Newcomer { address: address(from), idle_since: Some(50) }, &open)
        };
        assert_eq!((own(&mut scope, 1), own(&mut scope, 2), own(&mut scope, 3)), (Some(1), Some(2), None));
    }

    #[test]
    fn closed_connections_take_no_room_and_no_turn() {
        let (mut scope, mut open) = scope(&[(1, 10), (1, 20), (2, 30)]);
        open.remove(&0).unwrap();
        scope.remove(address(1), &open);
        assert_eq!((scope.len(), scope.of_address(address(1)), scope.of_address(address(2))), (2, 1, 1));
        assert_eq!(scope.victim(Newcomer { address: address(2), idle_since: Some(50) }, &open), Some(1));
        for id in 10..10_000 {
            scope.add(id, address(3), 40);
            scope.remove(address(3), &open);
        }
        assert!(scope.all.order.len() <= 2 * 2 + SLACK, "{}", scope.all.order.len());
        assert_eq!((scope.addresses.len(), scope.counts.len()), (2, 2));
    }
}
