//! What an emulated machine is made of: a kernel, its first root, and a disk with the isolated host on it.

use crate::{Command, Engine, image, tools, workspace};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The size of the machine's disk, in megabytes. The file behind it is sparse.
const DISK_SIZE: u64 = 4096;

/// The machine's parts, in the cache.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The kernel.
    pub kernel: PathBuf,
    /// The root that it starts from, with the modules that it needs to mount the real one.
    pub initrd: PathBuf,
    /// A disk with ext4, made with mkfs.ext4's defaults, and on it the isolated host as it came from its distribution.
    pub disk: PathBuf,
}

impl Parts {
    /// Makes the parts; quick when they are in the cache. `engine` builds the root.
    pub fn make(engine: &Arc<Engine>) -> Result<Self> {
        tools::ensure_emulator()?;
        let tag = image::machine(engine)?;
        let name = tag.rsplit('/').next().unwrap_or(&tag).replace(':', "-");
        let cache = workspace::folder("cache")?;
        let parts = Self {
            kernel: cache.join(format!("{name}.vmlinuz")),
            initrd: cache.join(format!("{name}.initrd")),
            disk: cache.join(format!("{name}.img")),
        };
        // Made last, and put in place whole.
        if !parts.disk.exists() {
            parts.unpack(engine, &tag)?;
        }
        Ok(parts)
    }

    fn unpack(&self, engine: &Arc<Engine>, tag: &str) -> Result<()> {
        let root = workspace::fresh_folder("machine-root")?;
        let container = engine.docker(["create", tag]).quiet().ok()?;
        let tar = root.with_extension("tar");
        engine
            .docker(["export", "--output"])
            .arg(&tar)
            .arg(container.trim())
            .ok()
            .context("export the machine's root")?;
        engine.docker(["rm", container.trim()]).quiet().ok()?;
        Command::new("tar")
            // By number: the same user names may have others on this machine.
            .args(["--extract", "--numeric-owner", "--xattrs", "--file"])
            .arg(&tar)
            .arg("-C")
            .arg(&root)
            .ok()?;
        std::fs::remove_file(&tar)?;
        std::fs::rename(only(&root.join("boot"), "vmlinuz-")?, &self.kernel)?;
        std::fs::rename(only(&root.join("boot"), "initrd.img-")?, &self.initrd)?;
        let unfinished = self.disk.with_extension("unfinished");
        let size = format!("{DISK_SIZE}M");
        Command::new("mkfs.ext4")
            .args(["-q", "-d"])
            .args([&root, &unfinished])
            .arg(size)
            .ok()
            .context("make the machine's disk")?;
        std::fs::remove_dir_all(&root).context("remove the unpacked root")?;
        std::fs::rename(&unfinished, &self.disk).context("keep the machine's disk")
    }
}

/// The file in `folder` whose name begins so.
fn only(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    ensure!(found.len() == 1, "{} has {} files called {prefix}…", folder.display(), found.len());
    found.pop().context("one file")
}
