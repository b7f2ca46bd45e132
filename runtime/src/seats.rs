//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seats for connections. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Seats {
    all: usize,
    each: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection's seat, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    address: IpAddr,
}

impl Seats {
    /// `all` seats, of which one address gets `each` at most.
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self { all, each, held: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a connection from `address`, if there is one left for it.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Seat> {
        let mut held = self.held();
        let (all, own) = (held.values().sum::<usize>(), held.get(&address).copied().unwrap_or(0));
        if all >= self.all || own >= self.each {
            return None;
        }
        held.insert(address, own + 1);
        Some(Seat { seats: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.seats.held();
        if let Some(own) = held.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn one_address_leaves_seats_to_the_others_and_all_together_take_no_more_than_there_are() {
        let seats = Seats::new(3, 2);
        let [one, two, three] = [2, 3, 4].map(|last| IpAddr::from([10, 213, 0, last]));
        let mut of_one: Vec<_> = (0..2).map(|_| seats.take(one).unwrap()).collect();
        assert!(seats.take(one).is_none());
        let of_two = seats.take(two).unwrap();
        assert!(seats.take(three).is_none());
        of_one.pop();
        let of_three = seats.take(three).unwrap();
        assert!(seats.take(one).is_none());
        drop((of_one, of_two, of_three));
        assert!(seats.held().is_empty());
    }
}
