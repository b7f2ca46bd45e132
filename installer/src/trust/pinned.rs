//! The trust root that this host has pinned, `trust.json`.

use super::{PinError, TrustError};
use crate::durable::{self, PathError};
use crate::layout::{FOLDERS, Layout, SETTINGS_FOLDER};
use landfall_console::Console;
use landfall_keys::{MAX_TRUST_ROOT_BYTES, RootLink, TrustRoot};

/// The root that this host has pinned.
pub(crate) fn pinned(layout: &Layout) -> Result<Option<TrustRoot>, TrustError> {
    let path = layout.trust_root();
    let Some(bytes) = read(layout)? else { return Ok(None) };
    TrustRoot::parse(&bytes).map(Some).map_err(|source| TrustError::Pinned { path, source })
}

/// Checks that the host still pins the root that was `decided` upon. On a bare host nothing is locked before the first journal,
/// so another process may have pinned one.
///
/// # Errors
/// [`TrustError::Changed`] if another root is pinned now.
pub(crate) fn check_unchanged(layout: &Layout, decided: Option<&TrustRoot>) -> Result<(), TrustError> {
    if pinned(layout)?.as_ref() == decided { Ok(()) } else { Err(TrustError::Changed) }
}

/// The newest root to which `links` lead from the one that is `pinned`.
pub(crate) fn successor(pinned: &TrustRoot, links: &[RootLink]) -> Result<TrustRoot, TrustError> {
    pinned.follow(links).map_err(|source| TrustError::Chain { pinned: pinned.version(), source })
}

/// Pins the root by which a release was `accepted`, if the host pins none or an older one. Can be repeated; the pinned version
/// only rises.
///
/// A pinned root that cannot be read stays as it is, since it may be newer; the release counts all the same.
pub(crate) fn pin_if_newer(layout: &Layout, accepted: &TrustRoot, console: Console) -> Result<(), PathError> {
    match pinned(layout) {
        Ok(pinned) if pinned.as_ref().is_none_or(|pinned| pinned.version() < accepted.version()) => {
            write(layout, accepted.to_json().as_bytes())?;
        }
        Ok(_) => {}
        Err(error) => {
            console.warn(format_args!(
                "the trust root is left as it is: {}",
                landfall_console::message_with_causes(&error)
            ));
        }
    }
    Ok(())
}

/// Pins `root` outside an installation, in one durable rename.
///
/// # Errors
/// [`PinError`] says whether the root from before is pinned again.
pub(crate) fn pin(layout: &Layout, root: &TrustRoot) -> Result<(), PinError> {
    let before = read(layout)?;
    for (folder, mode) in FOLDERS {
        // A host may be given its trust before anything is installed on it.
        if SETTINGS_FOLDER == folder || SETTINGS_FOLDER.starts_with(&format!("{folder}/")) {
            durable::create_folder(&layout.at(folder), mode)?;
        }
    }
    let Err(error) = write(layout, root.to_json().as_bytes()) else { return Ok(()) };
    // The new root may be in place already, and only its folder not synced: then it has to be taken back.
    let restored = match (read(layout), before) {
        (Ok(now), before) if now == before => remove_partial(layout),
        (_, Some(before)) => write(layout, &before),
        (_, None) => durable::remove(&layout.trust_root()),
    };
    Err(match restored {
        Ok(()) => PinError::Restored(error),
        Err(undo) => PinError::Unsettled { error, undo },
    })
}

/// Removes the temporary file that a killed process left beside the pinned root.
pub(crate) fn remove_partial(layout: &Layout) -> Result<(), PathError> {
    durable::remove(&durable::partial(&layout.trust_root()))
}

fn read(layout: &Layout) -> Result<Option<Vec<u8>>, PathError> {
    durable::read(&layout.trust_root(), MAX_TRUST_ROOT_BYTES as u64)
}

fn write(layout: &Layout, json: &[u8]) -> Result<(), PathError> {
    durable::write(&layout.trust_root(), json, 0o644)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::fixture::{quiet, some_root};
    use crate::retained_release::fixture::Host;
    use landfall_keys::{RootChanges, SecretKey};

    #[test]
    fn the_pinned_version_only_rises() {
        let host = Host::new();
        let layout = &host.layout;
        let first = host.trust.clone();
        let add = RootChanges { add: vec![SecretKey::generate().unwrap().public_key()], ..RootChanges::default() };
        let next = first.next(&add).unwrap();
        for (accepted, expected) in [(&next, &next), (&first, &next), (&next, &next)] {
            pin_if_newer(layout, accepted, quiet()).unwrap();
            assert_eq!(std::fs::read_to_string(layout.trust_root()).unwrap(), expected.to_json());
        }
        assert_eq!(pinned(layout).unwrap(), Some(next));
    }

    #[test]
    fn a_pinned_root_that_cannot_be_read_is_left_for_a_person_to_replace() {
        let host = Host::new();
        std::fs::write(host.layout.trust_root(), "{").unwrap();
        pin_if_newer(&host.layout, &host.trust, quiet()).unwrap();
        assert_eq!(std::fs::read(host.layout.trust_root()).unwrap(), b"{");
    }

    #[test]
    fn pinning_makes_its_folder_and_a_failure_leaves_what_was_there() {
        let bare = tempfile::tempdir().unwrap();
        let (layout, root) = (Layout::new(bare.path()), some_root());
        pin(&layout, &root).unwrap();
        assert_eq!(pinned(&layout).unwrap(), Some(root.clone()));
        // A folder under the name of the temporary file makes the write fail.
        std::fs::create_dir(durable::partial(&layout.trust_root())).unwrap();
        assert!(pin(&layout, &some_root()).is_err());
        assert_eq!(pinned(&layout).unwrap(), Some(root));
    }
}
