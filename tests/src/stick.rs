//! A USB stick: a FAT32 file system in a file, plugged in by mounting it.

use crate::{Command, Engine, host::Mount, tools, workspace};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where hosts see the stick.
pub const AT: &str = "/media/stick";

/// The volume's name.
const LABEL: &str = "LANDFALL";

/// A stick that is plugged in; unplugged and gone when dropped.
#[derive(Debug)]
pub struct Stick {
    image: PathBuf,
    folder: PathBuf,
    // Whoever runs the engine also cleans up after a killed test run.
    _engine: Option<Arc<Engine>>,
}

impl Stick {
    /// A stick of `megabytes` with `files` on it, plugged in.
    pub fn with(engine: &Arc<Engine>, megabytes: u64, files: &[&Path]) -> Result<Self> {
        Self::new(Some(Arc::clone(engine)), megabytes, files)
    }

    /// A stick of `megabytes` with `files` on it, plugged in, for tests that need no host.
    pub fn plain(megabytes: u64, files: &[&Path]) -> Result<Self> {
        tools::ensure()?;
        Self::new(None, megabytes, files)
    }

    fn new(engine: Option<Arc<Engine>>, megabytes: u64, files: &[&Path]) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let name = format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let folder = workspace::fresh_folder(&format!("sticks/{name}"))?;
        let image = folder.with_extension("img");
        format(&image, megabytes, files)?;
        let stick = Self { image, folder, _engine: engine };
        stick.plug_in(true)?;
        Ok(stick)
    }

    /// Where it is plugged in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The names of what is on it, sorted. The volume's own is not among them: where the kernel does not know FAT, it is shown as
    /// a file.
    pub fn names(&self) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.folder)?.collect::<Result<Vec<_>, _>>()?;
        let names = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name != LABEL).collect();
        names.sort();
        Ok(names)
    }

    /// Plugs it in again with its write protection on.
    pub fn protect(&self) -> Result<()> {
        self.unplug()?;
        self.plug_in(false)
    }

    /// Kernels without FAT are rare, yet test machines often have them: there FUSE does it.
    fn plug_in(&self, writable: bool) -> Result<()> {
        let (kernel, fuse) = if writable { ("loop", "rw+") } else { ("loop,ro", "ro") };
        // The kernel's own driver first: it is the one that hosts have.
        let mount = Command::new("mount").args(["-t", "vfat", "-o", kernel]).args([&self.image, &self.folder]).run()?;
        if mount.code != 0 {
            tools::ensure_fuse()?;
            Command::new("fusefat").args(["-o", fuse]).args([&self.image, &self.folder]).ok()?;
        }
        Ok(())
    }

    fn unplug(&self) -> Result<()> {
        Command::new("umount").arg(&self.folder).quiet().ok().map(drop)
    }

    /// How a host sees the stick that may write to it.
    pub fn writable(&self) -> Mount {
        Mount { source: self.folder.clone(), at: AT, writable: true }
    }

    /// How a host sees the stick that may only read it.
    pub fn read_only(&self) -> Mount {
        Mount { source: self.folder.clone(), at: AT, writable: false }
    }
}

/// Makes `image` a stick of `megabytes` with `files` on it.
pub fn format(image: &Path, megabytes: u64, files: &[&Path]) -> Result<()> {
    std::fs::File::create(image)?.set_len(megabytes << 20)?;
    Command::new("mkfs.vfat").args(["-F", "32", "-n", LABEL]).arg(image).ok()?;
    if files.is_empty() {
        return Ok(());
    }
    // mcopy writes into the image without mounting it, which the kernel may not be able to.
    Command::new("mcopy").arg("-i").arg(image).args(files).arg("::/").ok().map(drop)
}

impl Drop for Stick {
    fn drop(&mut self) {
        let unmounted = self.unplug();
        let removed = std::fs::remove_dir(&self.folder).and_then(|()| std::fs::remove_file(&self.image));
        if let Err(error) = unmounted.and(removed.map_err(Into::into)) {
            eprintln!("unplug the stick {}: {error:#}", self.folder.display());
        }
    }
}
