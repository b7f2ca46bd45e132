//! What lies on a host: compared before and after, so that nothing left behind goes unseen.

use crate::Host;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a running system writes by itself, with or without Landfall.
const ITS_OWN: [&str; 6] =
    ["/var/log", "/var/lib/systemd", "/var/lib/apt", "/var/cache", "/var/lib/containerd", "/var/tmp/systemd-private-*"];

/// Every path of a host's root file system with its type, mode, owner, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileList(BTreeMap<String, String>);

impl FileList {
    /// Lists `host`: its root file system alone, so neither its engine's volume, nor the stick, nor `/run` and `/tmp`.
    pub fn of(host: &Host) -> Result<Self> {
        let skipped = ITS_OWN.map(|path| format!("-path '{path}' -prune")).join(" -o ");
        let entries = host.ask(&format!(r"find / -xdev \( {skipped} \) -o -printf '%p\t%y %m %U:%G %l\n'"))?.ok()?;
        let hashes =
            host.ask(&format!(r"find / -xdev \( {skipped} \) -o -type f -print0 | xargs -0 sha256sum"))?.ok()?;
        let mut list = BTreeMap::new();
        for (path, entry) in entries.stdout.lines().filter_map(|line| line.split_once('\t')) {
            list.insert(path.to_owned(), entry.to_owned());
        }
        for (hash, path) in hashes.stdout.lines().filter_map(|line| line.split_once("  ")) {
            list.entry(path.to_owned()).or_default().push_str(hash);
        }
        Ok(Self(list))
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
