use super::{Damage, RetainedError};
use crate::durable::At as _;
use crate::layout::Layout;
use landfall_host::regular;
use landfall_keys::Verified;
use landfall_manifests::{Digest, Release};
use std::io::Read as _;

/// A small file of a release on this host, as its verified manifest has it; none if the release has no such file, or a larger one.
pub(crate) fn document(
    layout: &Layout,
    release: &Verified<Release>,
    path: &str,
    limit: u64,
) -> Result<Option<Vec<u8>>, RetainedError> {
    let release = release.get();
    let listed = release.files.iter().find(|file| file.path.as_str() == path && file.size <= limit);
    let Some(file) = listed else { return Ok(None) };
    let place = layout.release(&release.id()).join(path);
    let mut content = Vec::new();
    let read = regular::open_no_follow(&place)
        // One byte more than it has shows that it has grown.
        .and_then(|(open, _)| open.take(file.size + 1).read_to_end(&mut content));
    let damaged = |damage| RetainedError::damaged(&release.id(), place.clone(), damage);
    if let Err(error) = read {
        return match Damage::of(&error) {
            Some(damage) => Err(damaged(damage)),
            None => Ok(Err(error).at("read", &place)?),
        };
    }
    let found = Digest::of(&content);
    if found != file.digest {
        return Err(damaged(Damage::Content { found, expected: file.digest }));
    }
    Ok(Some(content))
}
