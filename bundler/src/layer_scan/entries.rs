//! What a layer has at which path, in eight bytes an entry: images have a hundred thousand files, and few of their paths are ever asked for.

use super::header::Kind;
use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// As many files as are remembered of a layer, and as many folders, links and removals: 1 MiB of each.
const ENTRIES: usize = 1 << 17;
/// The bits of an entry that say what it is; the others are of its path's hash.
const KIND: u64 = 0b11;
/// What a file's name begins with that removes the file of that name from the layers below (OCI image specification, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// What removes all that the layers below have in its folder.
const OPAQUE: &str = ".wh..wh..opq";
/// What stands before entries that are written as text: whether some are missing.
const CUT: char = '-';
const WHOLE: char = '.';

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Folder,
    Symlink,
    /// A file, or what else has nothing below it.
    File,
}

/// The entries of a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    /// In the order of the archive while it is scanned, then sorted by the hash.
    found: Vec<u64>,
    /// How many were added of either kind, while the archive is scanned.
    files: usize,
    others: usize,
    /// Whether a folder, a link or a removal may be missing.
    is_cut: bool,
}

impl Entries {
    pub(super) fn add(&mut self, path: &str, kind: Kind) {
        let kind = match kind {
            Kind::Folder => EntryKind::Folder,
            Kind::Symlink => EntryKind::Symlink,
            _ => EntryKind::File,
        };
        let is_removal = path.rsplit('/').next().is_some_and(|name| name.starts_with(WHITEOUT));
        let is_file = kind == EntryKind::File && !is_removal;
        let count = if is_file { &mut self.files } else { &mut self.others };
        if *count < ENTRIES {
            *count += 1;
            self.found.push(hash(path) | kind as u64);
        } else {
            self.is_cut |= !is_file;
        }
    }

    /// Entries of which none is remembered.
    pub(crate) fn forgotten() -> Self {
        Self { is_cut: true, ..Self::default() }
    }

    /// Whether all folders, links and removals are remembered.
    pub(crate) fn knows_folders(&self) -> bool {
        !self.is_cut
    }

    pub(super) fn sort(&mut self) {
        // Stable: of several entries with one path, the last stays the last.
        self.found.sort_by_key(|entry| entry & !KIND);
        (self.files, self.others) = (0, 0);
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// What the layer has at `path`, which is written as in the archive, without a leading `/` or `./`.
    pub(crate) fn at(&self, path: &str) -> Option<EntryKind> {
        let wanted = hash(path);
        let end = self.found.partition_point(|entry| entry & !KIND <= wanted);
        let entry = self.found[..end].last().filter(|entry| **entry & !KIND == wanted)?;
        Some(match entry & KIND {
            0 => EntryKind::Folder,
            1 => EntryKind::Symlink,
            _ => EntryKind::File,
        })
    }

    /// Whether nothing of what the layers below have at `path` is seen through this one.
    pub(crate) fn hides(&self, path: &str) -> bool {
        let is_replaced = self.at(path).is_some_and(|kind| kind != EntryKind::Folder);
        is_replaced
            || self.removes(path)
            || folders(path).any(|folder| {
                let stands_in_the_way = self.at(folder).is_some_and(|kind| kind != EntryKind::Folder);
                stands_in_the_way || self.removes(folder) || self.at(&format!("{folder}/{OPAQUE}")).is_some()
            })
            || self.at(OPAQUE).is_some()
    }

    fn removes(&self, path: &str) -> bool {
        let whiteout = match path.rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/{WHITEOUT}{name}"),
            None => format!("{WHITEOUT}{path}"),
        };
        self.at(&whiteout).is_some()
    }
}

/// What the layers, base first, have at `path` together.
pub(crate) fn at<'a>(layers: impl DoubleEndedIterator<Item = &'a Entries>, path: &str) -> Option<EntryKind> {
    uppermost(layers, |entries| *entries, path).map(|(_, kind)| kind)
}

/// The layer, of layers with these entries, base first, that has what is at `path`; and what that is.
pub(crate) fn uppermost<'a, L>(
    layers: impl DoubleEndedIterator<Item = L>,
    entries: impl Fn(&L) -> &'a Entries,
    path: &str,
) -> Option<(L, EntryKind)> {
    for found in layers.rev() {
        let layer = entries(&found);
        if let Some(kind) = layer.at(path) {
            return Some((found, kind));
        }
        if layer.hides(path) {
            return None;
        }
    }
    None
}

/// The folders that `path` is in, outermost first.
pub(crate) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// FNV-1a of 64 bits: the same in each build of this program, since records of earlier ones are compared with what is found now.
fn hash(path: &str) -> u64 {
    let hash = path
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash & !KIND
}

/// As text, in a fifth of the time and half the room that numbers take.
impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.found.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let mark = if self.is_cut { CUT } else { WHOLE };
        serializer.serialize_str(&format!("{mark}{}", BASE64.encode(&bytes)))
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_cut = text.starts_with(CUT);
        let text = text.strip_prefix([CUT, WHOLE]).ok_or_else(|| de::Error::custom("entries without a mark"))?;
        let bytes = BASE64.decode(text.as_bytes()).map_err(de::Error::custom)?;
        let (entries, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(de::Error::custom("an entry that is cut off"));
        }
        let found = entries.iter().map(|entry| u64::from_le_bytes(*entry)).collect();
        // Nothing is added to them any more.
        Ok(Self { found, is_cut, ..Self::default() })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn layer(entries: &[(&str, Kind)]) -> Entries {
        let mut layer = Entries::default();
        for (path, kind) in entries {
            layer.add(path, *kind);
        }
        layer.sort();
        layer
    }

    #[test]
    fn the_uppermost_layer_that_has_or_hides_a_path_decides() {
        let base = layer(&[
            ("usr", Kind::Folder),
            ("usr/bin", Kind::Folder),
            ("usr/bin/ping", Kind::File),
            ("run", Kind::Symlink),
        ]);
        for (upper, ping) in [
            (vec![], Some(EntryKind::File)),
            (vec![("usr", Kind::Folder), ("usr/bin", Kind::Folder)], Some(EntryKind::File)),
            (vec![("usr/bin/ping", Kind::Symlink)], Some(EntryKind::Symlink)),
            (vec![("usr/bin/.wh.ping", Kind::File)], None),
            (vec![("usr/bin/.wh.pin", Kind::File)], Some(EntryKind::File)),
            (vec![("usr/.wh.bin", Kind::File)], None),
            (vec![("usr/.wh..wh..opq", Kind::File)], None),
            (vec![(".wh..wh..opq", Kind::File)], None),
            (vec![(".wh.usr", Kind::File), ("usr/bin/ping", Kind::File)], Some(EntryKind::File)),
            (vec![("usr", Kind::Symlink)], None),
        ] {
            let upper = layer(&upper);
            assert_eq!(at([&base, &upper].into_iter(), "usr/bin/ping"), ping, "{upper:?}");
        }
        assert_eq!(at([&base].into_iter(), "run"), Some(EntryKind::Symlink));
        assert_eq!(folders("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
    }

    #[test]
    fn of_several_entries_with_one_path_the_last_counts() {
        assert_eq!(
            layer(&[("a", Kind::File), ("b", Kind::File), ("a", Kind::Folder)]).at("a"),
            Some(EntryKind::Folder)
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut layer = Entries::default();
        (0..ENTRIES + 10).for_each(|number| layer.add(&number.to_string(), Kind::File));
        layer.sort();
        assert_eq!(
            (layer.found.len(), layer.at("7"), layer.at(&(ENTRIES + 5).to_string())),
            (ENTRIES, Some(EntryKind::File), None)
        );
        // What tells where a path leads is remembered beside any number of files.
        layer.add("lib", Kind::Symlink);
        layer.add(".wh.bin", Kind::File);
        layer.sort();
        assert_eq!((layer.at("lib"), layer.hides("bin")), (Some(EntryKind::Symlink), true));
        assert!(layer.knows_folders());
        (0..=ENTRIES).for_each(|number| layer.add(&format!("d/{number}"), Kind::Folder));
        layer.sort();
        assert_eq!((layer.knows_folders(), layer.len()), (false, 2 * ENTRIES + 2));
        let text = serde_json::to_string(&layer).unwrap();
        assert!(serde_json::from_str::<Entries>(&text).unwrap() == layer, "as a later build has them");
    }
}
