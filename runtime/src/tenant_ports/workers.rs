//! The threads that serve the tenants' ports, apart from those of the API.
//!
//! Each has an event loop of its own, and a connection stays on one thread from its first byte to its last: neither its events nor its
//! tasks pass between threads, which costs more than a small request does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The most threads: a memory bound for hosts with many processors, each of which moves some GB a second.
const MOST: usize = 8;
/// How many connections more than another thread one may have. Passing a connection on wakes the other thread.
const UNEVEN: usize = 2;

/// All threads. They end when this is dropped, with all that they serve.
#[derive(Debug)]
pub(super) struct Workers {
    workers: Arc<[Worker]>,
    /// Each thread ends when its sender is dropped.
    _running: Vec<oneshot::Sender<()>>,
}

/// One thread.
#[derive(Debug)]
struct Worker {
    handle: Handle,
    connections: Arc<AtomicUsize>,
}

/// A thread that accepts the connections of a port, and shares them out.
#[derive(Debug, Clone)]
pub(super) struct Dispatcher {
    workers: Arc<[Worker]>,
    own: usize,
}

/// The place of one connection on a thread, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Workers {
    /// A thread for each processor.
    pub(super) fn start() -> io::Result<Self> {
        Self::of_number(thread::available_parallelism().map_or(1, usize::from).min(MOST))
    }

    fn of_number(number: usize) -> io::Result<Self> {
        let started: Vec<_> = (0..number).map(Worker::start).collect::<io::Result<_>>()?;
        let (workers, running): (Vec<_>, _) = started.into_iter().unzip();
        Ok(Self { workers: workers.into(), _running: running })
    }

    /// The thread that accepts the connections of `port`.
    pub(super) fn of_port(&self, port: u16) -> Dispatcher {
        Dispatcher { own: usize::from(port) % self.workers.len(), workers: Arc::clone(&self.workers) }
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<(Self, oneshot::Sender<()>)> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel();
        thread::Builder::new().name(format!("ports-{number}")).spawn(move || {
            // Ends with an error: nothing is ever sent.
            let _ = runtime.block_on(ended);
        })?;
        Ok((Self { handle, connections: Arc::default() }, running))
    }
}

impl Dispatcher {
    /// The thread that accepts.
    pub(super) fn own(&self) -> &Handle {
        &self.workers[self.own].handle
    }

    /// The thread for one more connection: this one, unless it has more to do than others.
    pub(super) fn place(&self) -> (&Handle, Place) {
        let connections = |worker: &Worker| worker.connections.load(Ordering::Relaxed);
        let own = &self.workers[self.own];
        let idlest = self.workers.iter().min_by_key(|worker| connections(worker)).unwrap_or(own);
        let chosen = if connections(own) < connections(idlest) + UNEVEN { own } else { idlest };
        chosen.connections.fetch_add(1, Ordering::Relaxed);
        (&chosen.handle, Place(Arc::clone(&chosen.connections)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn connections_of_one_port_are_shared_out_among_the_threads() {
        let workers = Workers::of_number(3).unwrap();
        let dispatcher = workers.of_port(3001);
        let counts =
            || workers.workers.iter().map(|worker| worker.connections.load(Ordering::Relaxed)).collect::<Vec<_>>();
        let first = dispatcher.place().1;
        assert_eq!(counts(), [0, 1, 0], "3001 is the second thread's");
        let more: Vec<Place> = (0..29).map(|_| dispatcher.place().1).collect();
        let counted = counts();
        assert_eq!(counted.iter().sum::<usize>(), 30);
        assert!(counted.iter().all(|count| (9..=12).contains(count)), "{counted:?}");
        drop((first, more));
        assert_eq!(counts(), [0, 0, 0]);
    }
}
