//! The manifest and the signatures in a release's folder, believed like those of a bundle.

use super::folder::open_regular;
use super::{Damage, RetainedError};
use crate::durable::At as _;
use crate::layout::Layout;
use crate::state::installed::InstalledRelease;
use landfall_manifests::{Bundle, Digest, Head, ReadError, ReleaseId, archive, limits, oci};
use std::io::Read as _;
use std::path::Path;

/// Reads the manifest and its signatures, and believes them if the keys that the release was accepted by signed it.
///
/// The beginning of the bundle follows from these files. It is made again, and goes the way that every bundle goes: no second
/// reader decides what a manifest and a signature are.
pub(super) fn load_verified(layout: &Layout, release: &InstalledRelease) -> Result<Bundle, RetainedError> {
    let (id, folder) = (release.id(), layout.release(&release.id()));
    let path = folder.join(archive::MANIFEST_NAME);
    let mut head = read(&id, &path, limits::MANIFEST_BYTES)?;
    let found = Digest::of(&head);
    if found != release.manifest {
        let damage = Damage::Content { found, expected: release.manifest };
        return Err(RetainedError::damaged(&id, path, damage));
    }
    frame(&mut head, 0, archive::MANIFEST_NAME);
    let names = signature_names(&folder)?;
    for name in &names {
        let start = head.len();
        head.extend(read(&id, &folder.join(name), limits::SIGNATURE_BYTES)?);
        frame(&mut head, start, name);
    }
    head.extend(archive::header(oci::LAYOUT_NAME, oci::LAYOUT.len() as u64));
    let parsed = Head::read(&mut head.as_slice()).map_err(|error| refused(&id, &folder, error))?;
    drop(head);
    if let Some(other) = names.get(parsed.signatures().len()) {
        return Err(RetainedError::damaged(&id, folder.join(other), Damage::Surplus));
    }
    let bundle = parsed.verify(release.trust.trusted_keys()).map_err(|error| refused(&id, &folder, error))?;
    if bundle.release().id() == id && bundle.release().product == release.product {
        return Ok(bundle);
    }
    let found = format!("it is that of {} {}", bundle.release().product, bundle.release().id());
    Err(RetainedError::damaged(&id, path, Damage::Record(found)))
}

/// Puts an entry's header before its content, which begins at `start`, and the padding behind it.
fn frame(head: &mut Vec<u8>, start: usize, name: &str) {
    let size = (head.len() - start) as u64;
    head.splice(start..start, archive::header(name, size));
    head.resize(head.len().next_multiple_of(512), 0);
}

/// What calls itself a signature, sorted as in a bundle; one more than there may be, if there are too many.
fn signature_names(folder: &Path) -> Result<Vec<String>, RetainedError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let name = entry.at("read the folder", folder)?.file_name();
        names.extend(name.to_str().filter(|name| is_signature_name(name)).map(str::to_owned));
    }
    names.sort();
    names.truncate(limits::SIGNATURES + 1);
    Ok(names)
}

/// Whether the name has the length and the ends of a signature's. What it has in the middle is for [`Head`] to judge.
fn is_signature_name(name: &str) -> bool {
    let example = archive::signature_name("0123456789ABCDEF");
    name.len() == example.len() && name.starts_with("landfall.json.") && name.ends_with(".minisig")
}

fn read(release: &ReleaseId, path: &Path, limit: u64) -> Result<Vec<u8>, RetainedError> {
    let damaged = |damage| RetainedError::damaged(release, path.to_owned(), damage);
    let file = open_regular(path)?.map_err(damaged)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).at("read", path)?;
    if bytes.len() as u64 > limit {
        return Err(damaged(Damage::Record(format!("it is larger than {limit} bytes"))));
    }
    Ok(bytes)
}

/// What a refusal of the made-up beginning says about the folder. Offsets in it say nothing.
fn refused(release: &ReleaseId, folder: &Path, error: ReadError) -> RetainedError {
    let manifest = folder.join(archive::MANIFEST_NAME);
    match error {
        ReadError::Untrusted(source) => RetainedError::Untrusted { release: release.clone().into(), source },
        ReadError::Release(source) => RetainedError::Manifest { path: manifest, source },
        ReadError::Signature { entry, reason, .. } => {
            RetainedError::damaged(release, folder.join(entry), Damage::Record(reason))
        }
        other => RetainedError::damaged(release, manifest, Damage::Record(other.to_string())),
    }
}
