//! A host that is a folder: for what needs neither an engine nor systemd.

use crate::{Command, FileList};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file system in memory: what is written there is soon gone, and syncing takes no time.
pub const MEMORY: &str = "/dev/shm";

/// A host below `--root`, without engine and systemd.
#[derive(Debug, Clone)]
pub struct FolderHost {
    root: PathBuf,
    installer: PathBuf,
}

impl FolderHost {
    /// A host with the folders that each has, and nothing in them.
    pub fn bare(root: &Path, installer: &Path) -> Result<Self> {
        for folder in ["etc/systemd/system", "opt", "usr/local/bin", "var/lib"] {
            std::fs::create_dir_all(root.join(folder)).with_context(|| format!("make a host of {}", root.display()))?;
        }
        Ok(Self { root: root.to_owned(), installer: installer.to_owned() })
    }

    /// The same host at another place, in place of what is there.
    pub fn copied_to(&self, root: &Path) -> Result<Self> {
        if root.exists() {
            std::fs::remove_dir_all(root)?;
        }
        // With modes, owners and times, which snapshots compare.
        Command::new("cp").arg("-a").arg(&self.root).arg(root).ok()?;
        Ok(Self { root: root.to_owned(), installer: self.installer.clone() })
    }

    /// A path on the host.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The installer, for this host.
    pub fn installer(&self) -> Command {
        // Nothing outside the folder is touched: thousands of such hosts
        // run on a machine that has an engine and systemd of its own.
        Command::new(&self.installer).arg("--root").arg(&self.root).args([
            "--engine",
            "none",
            "--no-systemd",
            "--run-programs",
        ])
    }

    /// `install BUNDLE --trust KEY`
    pub fn install(&self, bundle: &Path, key: &str) -> Command {
        self.installer().arg("install").arg(bundle).args(["--trust", key])
    }

    /// `update BUNDLE`
    pub fn update(&self, bundle: &Path) -> Command {
        self.installer().args(["update", "--yes"]).arg(bundle)
    }

    /// `verify BUNDLE`, by the keys that the host has pinned.
    pub fn verify(&self, bundle: &Path) -> Command {
        self.installer().arg("verify").arg(bundle)
    }

    /// What lies on it.
    pub fn files(&self) -> Result<FileList> {
        FileList::of_folder(&self.root)
    }

    /// What lies on it, to the bit, and when each file was last changed.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        snapshot.add(&self.root, "")?;
        Ok(snapshot)
    }
}

/// A picture of a folder that shows every change: each path's type, mode and owner, and each file's bytes, inode and times.
///
/// A folder's times are not in it: a refusal may make a file there and remove it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, PathState>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct PathState {
    about: String,
    content: Vec<u8>,
}

impl Snapshot {
    fn add(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
            let entry = entry?;
            let (path, name) = (entry.path(), format!("{prefix}{}", entry.file_name().to_string_lossy()));
            let about = entry.metadata()?;
            let mut shot = format!("{:o} {}:{}", about.mode(), about.uid(), about.gid());
            let mut content = Vec::new();
            if about.is_dir() {
                self.add(&path, &format!("{name}/"))?;
            } else if about.is_symlink() {
                _ = write!(shot, " -> {}", path.read_link()?.display());
            } else {
                // The time of the inode's change as well: no program can set it back.
                let (changed, seen) = (about.mtime_nsec(), about.ctime_nsec());
                _ = write!(shot, " inode {} {}.{changed} {}.{seen}", about.ino(), about.mtime(), about.ctime());
                content = std::fs::read(&path)?;
            }
            self.0.insert(name, PathState { about: shot, content });
        }
        Ok(())
    }

    /// How `after` differs, a line a path; empty when it does not.
    pub fn difference(&self, after: &Self) -> String {
        let mut lines = String::new();
        for (path, shot) in &self.0 {
            match after.0.get(path) {
                None => _ = writeln!(lines, "- {path}"),
                Some(now) if now.about != shot.about => _ = writeln!(lines, "! {path} {} -> {}", shot.about, now.about),
                Some(now) if now.content != shot.content => _ = writeln!(lines, "! {path} holds something else"),
                Some(_) => {}
            }
        }
        for path in after.0.keys().filter(|path| !self.0.contains_key(*path)) {
            _ = writeln!(lines, "+ {path}");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_snapshot_shows_every_kind_of_change() {
        let folder = tempfile::tempdir().unwrap();
        let host = FolderHost::bare(folder.path(), Path::new("none")).unwrap();
        let file = host.path("etc/file");
        std::fs::write(&file, "1").unwrap();
        let before = host.snapshot().unwrap();
        assert_eq!(before.difference(&host.snapshot().unwrap()), "");
        std::fs::write(&file, "1").unwrap();
        assert!(
            before.difference(&host.snapshot().unwrap()).starts_with("! etc/file"),
            "written with the same content"
        );
        let before = host.snapshot().unwrap();
        std::fs::write(host.path("opt/new"), "").unwrap();
        assert_eq!(before.difference(&host.snapshot().unwrap()), "+ opt/new\n");
        std::fs::remove_file(host.path("opt/new")).unwrap();
        std::fs::set_permissions(host.path("opt"), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(before.difference(&host.snapshot().unwrap()).lines().count(), 1);
        std::fs::remove_dir(host.path("opt")).unwrap();
        assert_eq!(before.difference(&host.snapshot().unwrap()), "- opt\n");
    }
}
