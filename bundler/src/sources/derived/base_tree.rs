//! What a base has where something is added, as a pure function of what was seen of its layers.

use super::AddError;
use crate::layer_scan::{EntryKind, LayerFacts, uppermost};
use crate::sources::layer_writer::WHITEOUT;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Links that lead to links, as Linux follows them (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// The files of a base.
pub(super) struct BaseTree {
    /// Base first.
    layers: Vec<Arc<LayerFacts>>,
}

impl BaseTree {
    pub(super) fn new(layers: Vec<Arc<LayerFacts>>) -> Result<Self, AddError> {
        if layers.iter().all(|layer| layer.entries.knows_folders()) {
            return Ok(Self { layers });
        }
        Err(AddError::ManyFolders)
    }

    /// Whether there is a folder at `path`.
    pub(super) fn has_folder(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || self.at(path).is_some_and(|(_, kind)| kind == EntryKind::Folder)
    }

    /// Whether `path` is that of a folder, or of a link to one.
    pub(super) fn leads_to_folder(&self, path: &Path) -> bool {
        match self.at(path) {
            Some((_, EntryKind::Symlink)) => self.resolve(path).is_ok_and(|folder| self.has_folder(&folder)),
            _ => self.has_folder(path),
        }
    }

    /// The folder to which `path` leads through the base's links. It need not be there.
    pub(super) fn resolve(&self, path: &Path) -> Result<PathBuf, AddError> {
        let mut left: VecDeque<OsString> = path.iter().map(OsStr::to_owned).collect();
        let mut found = PathBuf::new();
        let mut links = 0;
        while let Some(component) = left.pop_front() {
            match component.as_encoded_bytes() {
                b"/" => found.clear(),
                b"" | b"." => {}
                // Above the root is the root.
                b".." => _ = found.pop(),
                name => {
                    found.push(&component);
                    // Engines would take it for a removal.
                    if name.starts_with(WHITEOUT) {
                        return Err(AddError::Link { path: found });
                    }
                    match self.at(&found) {
                        None | Some((_, EntryKind::Folder)) => {}
                        Some((_, EntryKind::File)) => return Err(AddError::File { path: found }),
                        Some((layer, EntryKind::Symlink)) => {
                            links += 1;
                            let target = layer.links.at(&found.to_string_lossy()).filter(|_| links <= MOST_LINKS);
                            let target = target.ok_or_else(|| AddError::Link { path: found.clone() })?;
                            Path::new(target).iter().rev().for_each(|component| left.push_front(component.to_owned()));
                            found.pop();
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    fn at(&self, path: &Path) -> Option<(&LayerFacts, EntryKind)> {
        let path = path.to_string_lossy();
        // Most of what is added is in no layer, which is found sooner than what hides it.
        self.layers.iter().find(|layer| layer.entries.at(&path).is_some())?;
        let (layer, kind) = uppermost(self.layers.iter(), |layer| &layer.entries, &path)?;
        Some((layer.as_ref(), kind))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::layer_scan::LayerScan;
    use tar::{Builder, EntryType, Header};

    /// A layer of folders (with `/` at the end), links (with `->`) and files.
    fn layer(entries: &[&str]) -> Arc<LayerFacts> {
        let mut builder = Builder::new(Vec::new());
        for entry in entries {
            let mut header = Header::new_ustar();
            header.set_size(0);
            if let Some((name, target)) = entry.split_once("->") {
                header.set_entry_type(EntryType::Symlink);
                builder.append_link(&mut header, name, target).unwrap();
            } else {
                let is_folder = entry.ends_with('/');
                header.set_entry_type(if is_folder { EntryType::Directory } else { EntryType::Regular });
                builder.append_data(&mut header, entry, std::io::empty()).unwrap();
            }
        }
        let mut scan = LayerScan::default();
        scan.update(&builder.into_inner().unwrap());
        Arc::new(scan.finish())
    }

    #[test]
    fn paths_lead_through_the_links_of_the_uppermost_layers() {
        let base = layer(&[
            "bin->usr/bin",
            "usr/",
            "usr/bin/",
            "usr/bin/sh",
            "var/",
            "var/run->/run",
            "run/",
            "a->b",
            "b->a",
            "etc/",
            "etc/motd",
            "up->../../../usr",
            "opt->srv",
            "srv->usr/./bin",
            "usr/lib/x/y->/",
            "old->usr",
        ]);
        let upper = layer(&[".wh.old", "etc/.wh..wh..opq", "new->usr"]);
        let tree = BaseTree::new(vec![base, upper]).unwrap();
        assert!(BaseTree::new(vec![layer(&["a->.wh.etc/x"])]).unwrap().resolve(Path::new("a")).is_err());
        let resolve = |path: &str| match tree.resolve(Path::new(path)) {
            Ok(folder) => folder.display().to_string(),
            Err(error) => error.to_string().split(" in the base").next().unwrap().to_owned(),
        };
        for (path, expected) in [
            ("", ""),
            ("www/html", "www/html"),
            ("bin", "usr/bin"),
            ("bin/x/y", "usr/bin/x/y"),
            ("var/run/app", "run/app"),
            ("up/bin", "usr/bin"),
            ("opt", "usr/bin"),
            ("new/bin", "usr/bin"),
            ("old/bin", "old/bin"),
            ("a", "/a is a symbolic link"),
            ("usr/lib/x/y/z", "/usr/lib/x/y is a symbolic link"),
            ("bin/sh/x", "/usr/bin/sh is a file"),
            ("etc/motd/x", "etc/motd/x"),
        ] {
            assert_eq!(resolve(path), expected, "{path}");
        }
        for (path, is_folder, leads_to_one) in
            [("", true, true), ("bin", false, true), ("usr", true, true), ("a", false, false), ("old", false, false)]
        {
            let path = Path::new(path);
            assert_eq!((tree.has_folder(path), tree.leads_to_folder(path)), (is_folder, leads_to_one), "{path:?}");
        }
    }
}
