//! What lies on a host: compared before and after, so that nothing left behind goes unseen.

use crate::Host;
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What a running system writes by itself, with or without Landfall.
const ITS_OWN: [&str; 6] =
    ["/var/log", "/var/lib/systemd", "/var/lib/apt", "/var/cache", "/var/lib/containerd", "/var/tmp/systemd-private-*"];

/// Changed after Docker made the host's container, which it marks so.
const CHANGED: &str = "-cnewer /.dockerenv";

/// Every path of a host's root file system with its type, mode, owner, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileList(BTreeMap<String, String>);

impl FileList {
    /// Lists `host`: its root file system alone, so neither its engine's volume, nor the stick, nor `/run` and `/tmp`. What is as
    /// it came with the host's image is not read: writing to it would have renewed its time of change (inode(7)).
    pub fn of(host: &Host) -> Result<Self> {
        let skipped = ITS_OWN.map(|path| format!("-path '{path}' -prune")).join(" -o ");
        let entries = host.ask(&format!(r"find / -xdev \( {skipped} \) -o -printf '%p\t%y %m %U:%G %l\n'"))?.ok()?;
        let hash = format!(r"find / -xdev \( {skipped} \) -o -type f {CHANGED} -print0 | xargs -0 sha256sum");
        let hashes = host.ask(&hash)?.ok()?;
        let mut list = BTreeMap::new();
        for (path, entry) in entries.stdout.lines().filter_map(|line| line.split_once('\t')) {
            list.insert(path.to_owned(), entry.to_owned());
        }
        for (hash, path) in hashes.stdout.lines().filter_map(|line| line.split_once("  ")) {
            _ = write!(list.entry(path.to_owned()).or_default(), " #{hash}");
        }
        Ok(Self(list))
    }

    /// Lists a folder of this machine; paths are relative to it.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let mut list = BTreeMap::new();
        let mut todo = vec![folder.to_owned()];
        while let Some(next) = todo.pop() {
            for entry in std::fs::read_dir(&next).with_context(|| format!("list {}", next.display()))? {
                let path = entry?.path();
                let about = describe(&path).with_context(|| format!("look at {}", path.display()))?;
                // A link to a folder is listed, and not followed.
                if path.is_dir() && !path.is_symlink() {
                    todo.push(path.clone());
                }
                list.insert(path.strip_prefix(folder)?.display().to_string(), about);
            }
        }
        Ok(Self(list))
    }

    /// Without what the files in `paths` hold: their type, mode and owner stay.
    #[must_use]
    pub fn without_content(mut self, paths: &[&str]) -> Self {
        for (path, about) in &mut self.0 {
            if paths.contains(&path.as_str()) {
                about.truncate(about.find(" #").unwrap_or(about.len()));
            }
        }
        self
    }

    /// The paths below a folder.
    pub fn below(&self, folder: &str) -> Vec<String> {
        let is_below = |path: &&String| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.0.keys().filter(is_below).cloned().collect()
    }

    /// Without the paths that do not match.
    #[must_use]
    pub fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|path, _| keep(path));
        self
    }

    /// The number of paths.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no path at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How `after` differs, a line a path, in the manner of diff; empty when it does not.
    pub fn difference(&self, after: &Self) -> String {
        let mut lines = String::new();
        for (path, entry) in &self.0 {
            match after.0.get(path) {
                None => _ = writeln!(lines, "- {path} {entry}"),
                Some(now) if now != entry => _ = writeln!(lines, "! {path} {entry} -> {now}"),
                Some(_) => {}
            }
        }
        for (path, entry) in after.0.iter().filter(|(path, _)| !self.0.contains_key(*path)) {
            _ = writeln!(lines, "+ {path} {entry}");
        }
        lines
    }
}

fn describe(path: &Path) -> Result<String> {
    let about = path.symlink_metadata()?;
    let kind = if about.is_symlink() {
        format!("l -> {}", path.read_link()?.display())
    } else if about.is_dir() {
        "d".to_owned()
    } else {
        format!("f {} bytes", about.len())
    };
    let hash = if about.is_file() {
        format!(" #{}", hex::encode(Sha256::digest(std::fs::read(path)?)))
    } else {
        String::new()
    };
    Ok(format!("{kind} {:o} {}:{}{hash}", about.mode() & 0o7777, about.uid(), about.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(&str, &str)]) -> FileList {
        FileList(entries.iter().map(|(path, entry)| ((*path).to_owned(), (*entry).to_owned())).collect())
    }

    #[test]
    fn a_difference_names_what_came_went_and_changed() {
        let before = list(&[("/a", "f 644"), ("/b", "f 644"), ("/c", "d 755")]);
        let after = list(&[("/a", "f 600"), ("/c", "d 755"), ("/d", "l")]);
        assert_eq!(before.difference(&after), "! /a f 644 -> f 600\n- /b f 644\n+ /d l\n");
        assert_eq!(before.difference(&before.clone()), "");
    }
}
