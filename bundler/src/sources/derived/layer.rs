//! The layer that is put onto a base.

use super::AddError;
use super::base_tree::BaseTree;
use crate::blob_store::BlobCompressor;
use crate::definition::Addition;
use crate::sources::SourceError;
use crate::sources::layer_writer::{Found, LayerWriter};
use std::collections::HashMap;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Something that is added, and where it comes to be: no link of the base is on the way.
struct Placed<'a> {
    addition: &'a Addition,
    /// Of what the path leads to, if that is a link.
    metadata: Metadata,
    place: PathBuf,
}

/// Writes all `additions` to a layer on `base`.
pub(super) fn write<'s>(
    additions: &[Addition],
    base: BaseTree,
    writer: LayerWriter<'_, 's>,
) -> Result<BlobCompressor<'s>, SourceError> {
    let placed = additions.iter().map(|addition| place(addition, &base));
    let mut placed = placed.collect::<Result<Vec<_>, _>>()?;
    // Whatever contains another's folder comes before it, and decides about that folder.
    placed.sort_by(|a, b| a.place.cmp(&b.place));
    let mut layer = Layer { writer, base, own: OwnEntries::default() };
    for placed in &placed {
        layer.add(placed)?;
    }
    layer.writer.finish()
}

/// What is at the path of an addition, which is a folder or a file.
pub(super) fn look(addition: &Addition) -> Result<Metadata, SourceError> {
    let path = &addition.source.path;
    let metadata = path.metadata().map_err(SourceError::read(path))?;
    if metadata.is_dir() || metadata.is_file() {
        return Ok(metadata);
    }
    Err(SourceError::Special { path: path.clone(), kind: "device, pipe or socket" })
}

fn place<'a>(addition: &'a Addition, base: &BaseTree) -> Result<Placed<'a>, SourceError> {
    let metadata = look(addition)?;
    let path = Path::new(addition.path.inside());
    let place = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !metadata.is_dir() && !addition.path.is_folder() => {
            base.resolve(parent)?.join(name)
        }
        _ if metadata.is_dir() => base.resolve(path)?,
        _ => base.resolve(path)?.join(addition.source.path.file_name().unwrap_or_default()),
    };
    Ok(Placed { addition, metadata, place })
}

struct Layer<'a, 's> {
    writer: LayerWriter<'a, 's>,
    base: BaseTree,
    own: OwnEntries,
}

impl Layer<'_, '_> {
    fn add(&mut self, placed: &Placed<'_>) -> Result<(), SourceError> {
        let Placed { addition, metadata, place } = placed;
        let (root, owner) = (addition.source.path.as_path(), addition.owner);
        // Two names of one file may belong to two users, which two files can.
        self.writer.forget_links();
        self.make_folders(place.parent().unwrap_or(Path::new("")))?;
        if !metadata.is_dir() {
            let found = Found { root, below: Path::new(""), metadata: metadata.clone(), owner };
            return self.add_file(place, &found);
        }
        // Where the folders that the walk is in come to be, outermost first.
        let mut folders: Vec<PathBuf> = Vec::new();
        // Sorted, since readdir(3) gives names in no order: the same folder gives the same layer.
        for entry in WalkDir::new(root).follow_root_links(true).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(root).to_owned();
                SourceError::Read { path, source: error.into() }
            })?;
            folders.truncate(entry.depth());
            let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
            // Of the entry itself: a link is packed as a link, wherever it leads on this machine.
            let looked = if entry.depth() == 0 { root.metadata() } else { entry.path().symlink_metadata() };
            let metadata = looked.map_err(SourceError::read(entry.path()))?;
            let place = folders.last().map_or_else(|| place.clone(), |folder| folder.join(entry.file_name()));
            let found = Found { root, below, metadata, owner };
            if found.metadata.is_dir() {
                let place = self.base.resolve(&place)?;
                self.add_folder(&place, &found)?;
                folders.push(place);
            } else {
                self.add_file(&place, &found)?;
            }
        }
        Ok(())
    }

    /// Makes the folder at `place`, and those above it, where there are none.
    fn make_folders(&mut self, place: &Path) -> Result<(), SourceError> {
        let mut folders: Vec<&Path> = place.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
        folders.reverse();
        for folder in folders {
            if !self.has_folder(folder)? {
                self.writer.add_folder(folder)?;
                self.own.insert(folder, true);
            }
        }
        Ok(())
    }

    fn add_folder(&mut self, place: &Path, found: &Found<'_>) -> Result<(), SourceError> {
        self.make_folders(place.parent().unwrap_or(Path::new("")))?;
        if !self.has_folder(place)? {
            self.own.insert(place, true);
            return self.writer.add(place, found);
        }
        // The folder that is there already keeps what it is: what this one has besides would be lost.
        match found.folder_attributes()?.into_keys().next() {
            Some(name) => Err(AddError::FolderAttribute { path: found.path(), name }.into()),
            None => Ok(()),
        }
    }

    fn add_file(&mut self, place: &Path, found: &Found<'_>) -> Result<(), SourceError> {
        if self.own.at(place).is_some() {
            return Err(AddError::Twice { path: place.to_owned() }.into());
        }
        if self.base.leads_to_folder(place) {
            return Err(AddError::Folder { path: place.to_owned() }.into());
        }
        self.own.insert(place, false);
        self.writer.add(place, found)
    }

    /// Whether this layer or the base has a folder there.
    fn has_folder(&self, place: &Path) -> Result<bool, SourceError> {
        match self.own.at(place) {
            Some(false) => Err(AddError::Twice { path: place.to_owned() }.into()),
            Some(true) => Ok(true),
            None => Ok(self.base.has_folder(place)),
        }
    }
}

/// What the layer has, in a few bytes an entry: by the hashes of the paths, and whether it is a folder.
#[derive(Default)]
struct OwnEntries(HashMap<u64, bool>);

impl OwnEntries {
    fn insert(&mut self, path: &Path, is_folder: bool) {
        self.0.insert(Self::hash(path), is_folder);
    }

    fn at(&self, path: &Path) -> Option<bool> {
        self.0.get(&Self::hash(path)).copied()
    }

    fn hash(path: &Path) -> u64 {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        hasher.finish()
    }
}
