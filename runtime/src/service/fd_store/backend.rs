//! Where descriptors are stored.

#[cfg(test)]
pub(crate) use memory::MemoryStore;

use sd_notify::NotifyState;
use std::io;
use std::os::fd::BorrowedFd;

/// Where descriptors are stored.
#[derive(Debug, Clone, Default)]
pub(super) enum Backend {
    /// Nowhere: they end with the process.
    #[default]
    Disabled,
    /// In systemd's file descriptor store.
    Systemd,
    #[cfg(test)]
    Memory(MemoryStore),
}

impl Backend {
    /// Stores descriptors under one name. systemd ignores one that it holds already.
    pub(super) fn store(&self, name: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        match self {
            Self::Disabled => Ok(()),
            Self::Systemd => {
                // Without `FDPOLL=0`: systemd itself drops a connection that reports EPOLLHUP or EPOLLERR
                // (sd_notify(3)).
                sd_notify::notify_with_fds(&[NotifyState::FdStore, NotifyState::FdName(name)], descriptors)
            }
            #[cfg(test)]
            Self::Memory(memory) => memory.store(name, descriptors),
        }
    }

    /// Removes all descriptors of one name.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Disabled => Ok(()),
            Self::Systemd => sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]),
            #[cfg(test)]
            Self::Memory(memory) => {
                memory.remove(name);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod memory {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::sync::{Arc, Mutex, MutexGuard};

    /// A fake of systemd's store. Clones share what is stored.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct MemoryStore(Arc<Mutex<Vec<(String, OwnedFd)>>>);

    impl MemoryStore {
        fn entries(&self) -> MutexGuard<'_, Vec<(String, OwnedFd)>> {
            self.0.lock().unwrap()
        }

        pub(super) fn store(&self, name: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
            let mut entries = self.entries();
            for descriptor in descriptors {
                let inode = rustix::fs::fstat(descriptor)?.st_ino;
                if !entries.iter().any(|(_, stored)| rustix::fs::fstat(stored).unwrap().st_ino == inode) {
                    entries.push((name.to_owned(), descriptor.try_clone_to_owned()?));
                }
            }
            Ok(())
        }

        pub(super) fn remove(&self, name: &str) {
            self.entries().retain(|(stored, _)| stored != name);
        }

        /// The descriptors that a new process inherits.
        pub(crate) fn copies(&self) -> Vec<(String, OwnedFd)> {
            self.entries().iter().map(|(name, stored)| (name.clone(), stored.try_clone().unwrap())).collect()
        }

        /// The names of all stored descriptors, in the order in which they were stored.
        pub(crate) fn names(&self) -> Vec<String> {
            self.entries().iter().map(|(name, _)| name.clone()).collect()
        }
    }
}
