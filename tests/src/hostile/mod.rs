//! A stick that does what no stick should: it counts what is read of it, lies about its size, forgets, fails, and changes what
//! it holds while it is read. The kernel asks a server in this process for all of it (FUSE, `/dev/fuse`), and keeps nothing in
//! memory: each read of a program is one that the stick sees.

mod flash;
mod read_fault;
mod reads;
mod server;
mod tree;

pub use flash::Capacity;
pub use read_fault::ReadFault;
pub use reads::{Ranges, Reads};

use crate::{Command, workspace};
use anyhow::{Context as _, Result};
use fuser::{BackgroundSession, Config, MountOption};
use server::Server;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tree::Tree;

/// What a stick is.
#[derive(Debug, Clone, Copy)]
pub struct StickSpec {
    /// The size that it reports, in bytes.
    pub size: u64,
    /// What it really keeps.
    pub capacity: Capacity,
    /// Whether its file system is FAT32: no file is larger than 4 GiB - 1.
    pub fat: bool,
}

impl StickSpec {
    /// An honest stick of so many bytes, without FAT's limit.
    pub const fn honest(size: u64) -> Self {
        Self { size, capacity: Capacity::Honest, fat: false }
    }
}

/// A stick, plugged in or not; gone when dropped.
#[derive(Debug)]
pub struct HostileStick {
    tree: Arc<Mutex<Tree>>,
    folder: PathBuf,
    session: Option<BackgroundSession>,
}

impl HostileStick {
    /// An empty stick that is plugged in.
    pub fn plugged(spec: StickSpec) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let name = format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let folder = workspace::fresh_folder(&format!("hostile-sticks/{name}"))?;
        let mut stick = Self { tree: Arc::new(Mutex::new(Tree::new(spec))), folder, session: None };
        stick.plug_in()?;
        Ok(stick)
    }

    /// Plugs the stick in (again), as it was left.
    pub fn plug_in(&mut self) -> Result<()> {
        self.unplug()?;
        let mut tree = self.tree();
        tree.writes_left = None;
        // What the kernel shows of a FAT file system that it knows only by FUSE.
        let kind = if tree.spec.fat { "fusefat" } else { "stick" };
        drop(tree);
        let mut config = Config::default();
        config.mount_options =
            vec![MountOption::FSName(kind.to_owned()), MountOption::CUSTOM(format!("subtype={kind}"))];
        let server = Server { tree: Arc::clone(&self.tree) };
        let session = fuser::spawn_mount(server, &self.folder, &config);
        self.session = Some(session.context("mount a file system of our own: it needs root and /dev/fuse")?);
        Ok(())
    }

    /// Pulls the stick out in the middle of writing, once so many more bytes were written.
    pub fn pull_after(&self, bytes: u64) {
        self.tree().writes_left = Some(bytes);
    }

    /// Where the stick is plugged in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a file onto the stick, past all faults, and returns its path.
    pub fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        self.tree().put(name, content);
        self.folder.join(name)
    }

    /// What the stick does to readers of files called `name`, in any folder, from now on; their reads are counted anew.
    pub fn inject(&self, name: &str, fault: ReadFault) {
        let mut tree = self.tree();
        tree.reads.remove(name);
        tree.fault.insert(name.to_owned(), fault);
    }

    /// What was read of files called `name` since [`HostileStick::inject`].
    pub fn reads(&self, name: &str) -> Reads {
        self.tree().reads.get(name).cloned().unwrap_or_default()
    }

    /// The names in the stick's top folder, sorted.
    pub fn names(&self) -> Vec<String> {
        self.tree().names()
    }

    fn unplug(&mut self) -> Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        // Not waited for: a program that still has a file open would keep the mount.
        Command::new("umount").arg("--lazy").arg(&self.folder).quiet().ok()?;
        drop(session);
        Ok(())
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HostileStick {
    fn drop(&mut self) {
        let gone = self.unplug().and_then(|()| Ok(std::fs::remove_dir(&self.folder)?));
        if let Err(error) = gone {
            eprintln!("unplug the stick {}: {error:#}", self.folder.display());
        }
    }
}
