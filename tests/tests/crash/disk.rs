//! A small real disk that runs full.

use anyhow::{Context as _, Result};
use landfall_tests::Command;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use tempfile::TempDir;

/// The size of the disk in bytes. The file behind it is sparse.
const SIZE: u64 = 128 << 20;

/// What a large file takes beside its content, in bytes, generously.
const MARGIN: u64 = 1 << 20;

/// An ext4 file system in a file, mounted; unmounted and gone when dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: TempDir,
}

impl Disk {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("landfall-disk-").tempdir()?;
        let disk = Self { folder };
        std::fs::create_dir(disk.mount())?;
        File::create(disk.image())?.set_len(SIZE)?;
        // No blocks are put aside for root: full is full for everybody.
        Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(disk.image()).ok()?;
        Command::new("mount").args(["-t", "ext4", "-o", "loop"]).args([disk.image(), disk.mount()]).ok()?;
        Ok(disk)
    }

    /// The number of bytes that are free.
    pub(crate) fn free(&self) -> Result<u64> {
        let printed = Command::new("stat").args(["--file-system", "--format", "%a %S"]).arg(self.mount()).ok()?;
        let (blocks, size) = printed.trim().split_once(' ').context("two numbers")?;
        Ok(blocks.parse::<u64>()? * size.parse::<u64>()?)
    }

    /// Somebody else's file takes all but `left` bytes, or all that is there if others are faster.
    pub(crate) fn fill(&self, left: u64) -> Result<()> {
        let bytes = self.free()?.saturating_sub(left);
        let mut filler = File::create(self.filler())?;
        // Quick where it can be had in one go; what is missing is written.
        Command::new("fallocate")
            .args(["--length", &bytes.saturating_sub(MARGIN).max(1).to_string()])
            .arg(self.filler())
            .run()?;
        let missing = bytes.saturating_sub(filler.seek(SeekFrom::End(0))?);
        match std::io::copy(&mut std::io::repeat(0).take(missing), &mut filler) {
            Err(error) if error.kind() != ErrorKind::StorageFull => Err(error.into()),
            _ => Ok(filler.sync_all()?),
        }
    }

    /// Somebody else's file goes.
    pub(crate) fn make_room(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.mount().join("filler")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// The folder of the file system.
    pub(crate) fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = Command::new("umount").arg(self.mount()).ok() {
            eprintln!("unmount the small disk: {error:#}");
        }
    }
}
