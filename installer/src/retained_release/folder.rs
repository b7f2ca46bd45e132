//! Compares a release's folder with its manifest.

use super::Damage;
use crate::durable::{At as _, PathError};
use landfall_console::Progress;
use landfall_host::regular;
use landfall_keys::{MAX_TRUST_ROOT_BYTES, TrustRoot};
use landfall_manifests::{Bundle, Digest, File, Hasher, archive};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// How much is hashed at once, in bytes.
const CHUNK: usize = 256 << 10;
/// The mode of every folder in a release, and of the release's own.
const FOLDER_MODE: u32 = 0o755;
/// The mode of the manifest and its signatures.
const RECORD_MODE: u32 = 0o644;

/// What is wrong, by where it is.
pub(super) type Damaged = BTreeMap<PathBuf, Damage>;

/// What the folder has to hold, by path below it.
struct Expected<'a> {
    files: BTreeMap<&'a str, &'a File>,
    folders: BTreeSet<&'a str>,
    /// The manifest and its signatures, whose content has been checked already, and the root by which they are verified.
    records: BTreeSet<String>,
}

/// Everything that is wrong with a release's folder. Each file is read once, in small pieces; no link is followed.
pub(super) fn examine(
    folder: &Path,
    bundle: &Bundle,
    trust: &TrustRoot,
    progress: &Progress,
) -> Result<Damaged, PathError> {
    let release = bundle.release();
    let signatures =
        bundle.signatures().iter().map(|signature| archive::signature_name(&signature.key_id().to_string()));
    let expected = Expected {
        files: release.files.iter().map(|file| (file.path.as_str(), file)).collect(),
        folders: release.files.iter().flat_map(|file| file.path.folders()).collect(),
        records: signatures.chain([archive::MANIFEST_NAME, archive::ACCEPTED_BY_NAME].map(str::to_owned)).collect(),
    };
    let mut walk = Walk { base: folder, expected: &expected, seen: BTreeSet::new(), damaged: Damaged::new() };
    // Names, kinds and modes first, and only then contents: nothing is read of what should not be there.
    walk.check_mode(folder, &folder.symlink_metadata().at("look at", folder)?, FOLDER_MODE);
    walk.look_into(Path::new(""))?;
    let Walk { seen, mut damaged, .. } = walk;
    let (files, folders) = (expected.files.keys(), expected.folders.iter());
    let missing = files.chain(folders).filter(|path| !seen.contains(**path));
    damaged.extend(missing.map(|path| (folder.join(path), Damage::Missing)));
    for (path, file) in &expected.files {
        let place = folder.join(path);
        // Already reported: one damage for each path is enough to have the folder made again.
        if seen.contains(*path) && !damaged.contains_key(&place) {
            damaged.extend(check_content(&place, file, progress)?.map(|damage| (place, damage)));
        }
    }
    let place = folder.join(archive::ACCEPTED_BY_NAME);
    if !damaged.contains_key(&place) {
        damaged.extend(check_root(&place, trust)?.map(|damage| (place, damage)));
    }
    Ok(damaged)
}

/// Whether the file holds exactly the root that accepted the release: the runtime verifies the release by it.
fn check_root(place: &Path, trust: &TrustRoot) -> Result<Option<Damage>, PathError> {
    let (expected, mut found) = (trust.to_json(), Vec::new());
    let read = regular::open_no_follow(place)
        .and_then(|(file, _)| file.take(MAX_TRUST_ROOT_BYTES as u64 + 1).read_to_end(&mut found));
    if let Err(error) = read {
        return damage_or("read", place, error);
    }
    let (found, expected) = (Digest::of(&found), Digest::of(expected.as_bytes()));
    Ok((found != expected).then_some(Damage::Content { found, expected }))
}

/// The way through a folder, by names, kinds and modes.
struct Walk<'a> {
    base: &'a Path,
    expected: &'a Expected<'a>,
    /// What was found of what is expected, whatever its state.
    seen: BTreeSet<String>,
    damaged: Damaged,
}

impl Walk<'_> {
    /// Only folders that the release has are looked into, so the depth is bounded by the manifest's paths.
    fn look_into(&mut self, below: &Path) -> Result<(), PathError> {
        let folder = self.base.join(below);
        for entry in std::fs::read_dir(&folder).at("read the folder", &folder)? {
            let entry = entry.at("read the folder", &folder)?;
            let place = entry.path();
            // Of the entry itself: a symbolic link is not followed, and a release has none.
            let metadata = entry.metadata().at("look at", &place)?;
            let path = below.join(entry.file_name());
            match path.to_str() {
                None => self.damage(&place, Damage::Surplus),
                Some(path) => self.judge(path, &place, &metadata)?,
            }
        }
        Ok(())
    }

    fn judge(&mut self, path: &str, place: &Path, metadata: &Metadata) -> Result<(), PathError> {
        if let Some(file) = self.expected.files.get(path) {
            self.seen.insert(path.to_owned());
            self.check_file(place, metadata, file.mode.bits());
        } else if self.expected.records.contains(path) {
            self.check_file(place, metadata, RECORD_MODE);
        } else if !self.expected.folders.contains(path) {
            self.damage(place, Damage::Surplus);
        } else {
            self.seen.insert(path.to_owned());
            if !metadata.is_dir() {
                self.damage(place, Damage::Kind);
                return Ok(());
            }
            self.check_mode(place, metadata, FOLDER_MODE);
            self.look_into(Path::new(path))?;
        }
        Ok(())
    }

    fn check_file(&mut self, place: &Path, metadata: &Metadata, mode: u32) {
        if metadata.is_file() { self.check_mode(place, metadata, mode) } else { self.damage(place, Damage::Kind) }
    }

    fn check_mode(&mut self, place: &Path, metadata: &Metadata, expected: u32) {
        // Permissions with set-user-ID, set-group-ID and sticky bit; the bits above are the file's type (inode(7)).
        let found = metadata.permissions().mode() & 0o7777;
        if found != expected {
            self.damage(place, Damage::Mode { found, expected });
        }
    }

    fn damage(&mut self, place: &Path, damage: Damage) {
        self.damaged.insert(place.to_owned(), damage);
    }
}

fn check_content(place: &Path, file: &File, progress: &Progress) -> Result<Option<Damage>, PathError> {
    let (mut open, found) = match regular::open_no_follow(place) {
        Ok((open, metadata)) => (open, metadata.len()),
        Err(error) => return damage_or("open", place, error),
    };
    // Spares reading the content: a file of another length cannot have the digest.
    if found != file.size {
        return Ok(Some(Damage::Size { found, expected: file.size }));
    }
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; CHUNK]);
    loop {
        match open.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                progress.add(read as u64);
            }
            // A signal that is handled may end a read (signal(7), EINTR): it says nothing about the file.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return damage_or("read", place, error),
        }
    }
    let found = hasher.finish();
    Ok((found != file.digest).then_some(Damage::Content { found, expected: file.digest }))
}

/// What an error says about the file at `place`; or the error, if the fault is the system's.
fn damage_or(what: &'static str, place: &Path, error: io::Error) -> Result<Option<Damage>, PathError> {
    match Damage::of(&error) {
        Some(damage) => Ok(Some(damage)),
        None => Err(error).at(what, place),
    }
}
