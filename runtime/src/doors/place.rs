//! Where sockets are kept while no process of ours is there.

use sd_notify::NotifyState;
use std::io;
use std::os::fd::BorrowedFd;

/// Where sockets are kept.
#[derive(Debug, Clone, Default)]
pub(super) enum Place {
    /// They end with the process.
    #[default]
    Nowhere,
    /// In systemd's file descriptor store.
    Systemd,
    #[cfg(test)]
    Shelf(Shelf),
}

impl Place {
    /// Keeps descriptors under one name. systemd notices one that it has already.
    pub(super) fn put(&self, name: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Systemd => {
                sd_notify::notify_with_fds(&[NotifyState::FdStore, NotifyState::FdName(name)], descriptors)
            }
            #[cfg(test)]
            Self::Shelf(held) => held.put(name, descriptors),
        }
    }

    /// Takes out all that bears a name.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Systemd => sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]),
            #[cfg(test)]
            Self::Shelf(held) => {
                held.remove(name);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
pub(super) use shelf::Shelf;

#[cfg(test)]
mod shelf {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::sync::{Arc, Mutex, MutexGuard};

    /// Stands for systemd's store.
    #[derive(Debug, Clone, Default)]
    pub(in crate::doors) struct Shelf(Arc<Mutex<Vec<(String, OwnedFd)>>>);

    impl Shelf {
        fn held(&self) -> MutexGuard<'_, Vec<(String, OwnedFd)>> {
            self.0.lock().unwrap()
        }

        pub(super) fn put(&self, name: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
            let mut held = self.held();
            for descriptor in descriptors {
                let number = rustix::fs::fstat(descriptor)?.st_ino;
                if !held.iter().any(|(_, held)| rustix::fs::fstat(held).unwrap().st_ino == number) {
                    held.push((name.to_owned(), descriptor.try_clone_to_owned()?));
                }
            }
            Ok(())
        }

        pub(super) fn remove(&self, name: &str) {
            self.held().retain(|(held, _)| held != name);
        }

        /// What a process that is started is given.
        pub(in crate::doors) fn copies(&self) -> Vec<(String, OwnedFd)> {
            self.held().iter().map(|(name, held)| (name.clone(), held.try_clone().unwrap())).collect()
        }

        /// The names of all that is held, in order.
        pub(in crate::doors) fn names(&self) -> Vec<String> {
            self.held().iter().map(|(name, _)| name.clone()).collect()
        }
    }
}
