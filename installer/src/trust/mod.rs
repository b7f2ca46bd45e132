//! By which keys a bundle is held to be genuine, and what the host has pinned of it.

mod ask;
mod beside;
mod given;
mod links;
mod standing;
mod verdict;

pub(crate) use ask::ask;
pub(crate) use beside::beside;
pub(crate) use given::{Given, TrustArgs, read_key};
pub(crate) use links::{LinksError, Wanted, read as read_links};
pub(crate) use standing::{Refused, refused};

use crate::durable::{self, PathError};
use crate::failure;
use crate::installed::InstalledRelease;
use crate::layout::{FOLDERS, Layout, SETTINGS_FOLDER};
use landfall_console::{Console, Exit, Failure};
use landfall_keys::{ChainError, MAX_TRUST_ROOT_BYTES, RootError, RootLink, TrustRoot};
use std::path::PathBuf;

/// A trust root cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("{argument} is neither a public key nor a trust root, nor a file that holds one: {reason}")]
    Key { argument: String, reason: String },
    #[error("{argument} is no trust root")]
    File {
        argument: String,
        #[source]
        source: ChainError,
    },
    #[error("a trust root says by itself which keys count and how many: give one --trust, and no --threshold")]
    Mixed,
    #[error("the keys given with --trust cannot be used")]
    Given(#[source] RootError),
    #[error(
        "this host trusts version {pinned} of its publisher's trust root, and what the media brings does not lead on from it"
    )]
    Chain {
        pinned: u32,
        #[source]
        source: ChainError,
    },
    #[error("what is given with --trust does not lead to the trust root that the media brings")]
    GivenChain(#[source] ChainError),
    #[error("{} cannot be used", .path.display())]
    Pinned {
        path: PathBuf,
        #[source]
        source: RootError,
    },
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The root that this host has pinned.
pub(crate) fn pinned(layout: &Layout) -> Result<Option<TrustRoot>, TrustError> {
    let path = layout.trust_root();
    let Some(bytes) = read(layout)? else { return Ok(None) };
    TrustRoot::parse(&bytes).map(Some).map_err(|source| TrustError::Pinned { path, source })
}

/// Holds what is pinned against what was `decided` upon. Until the first journal is there, nothing is locked on a bare host.
pub(crate) fn is_as_decided(layout: &Layout, decided: Option<&TrustRoot>) -> anyhow::Result<()> {
    if pinned(layout)?.as_ref() == decided {
        return Ok(());
    }
    let message = "another trust root was pinned on this host meanwhile: what was decided does not hold any longer";
    let hint = "`landfall-installer trust show` tells which; then run the same command again";
    Err(Failure::new(Exit::Busy, "trust_changed", message).hint(hint).into())
}

/// The newest root to which `links` lead from the one that is `pinned`.
pub(crate) fn successor(pinned: &TrustRoot, links: &[RootLink]) -> Result<TrustRoot, TrustError> {
    pinned.follow(links).map_err(|source| TrustError::Chain { pinned: pinned.version(), source })
}

/// Pins the root by which `release` was accepted, if the host pins none or an older one. Can be repeated, and only rises.
///
/// A pinned one that cannot be read stays as it is, since it may be newer; the release counts all the same.
pub(crate) fn raise(layout: &Layout, release: &InstalledRelease, console: Console) -> anyhow::Result<()> {
    let Some(accepted) = &release.trust else { return Ok(()) };
    match pinned(layout) {
        Ok(pinned) if pinned.as_ref().is_none_or(|pinned| pinned.version() < accepted.version()) => {
            write(layout, accepted.to_json().as_bytes())?;
        }
        Ok(_) => {}
        Err(error) => console.warn(format_args!("the trust root is left as it is: {:#}", anyhow::Error::from(error))),
    }
    Ok(())
}

/// Pins `root` outside an installation, in one step. When it fails, what was pinned before is pinned again, or the error asks
/// for `recover`.
pub(crate) fn pin(layout: &Layout, root: &TrustRoot) -> anyhow::Result<()> {
    let before = read(layout)?;
    for (folder, mode) in FOLDERS {
        if SETTINGS_FOLDER == folder || SETTINGS_FOLDER.starts_with(&format!("{folder}/")) {
            durable::create_folder(&layout.at(folder), mode)?;
        }
    }
    let Err(error) = write(layout, root.to_json().as_bytes()) else { return Ok(()) };
    // It may be in place, and only not be on the disk for certain.
    let back = match (read(layout), before) {
        (Ok(now), before) if now == before => sweep(layout),
        (_, Some(before)) => write(layout, &before),
        (_, None) => durable::remove(&layout.trust_root()),
    };
    Err(match back {
        Ok(()) => error.into(),
        Err(again) => failure::unsettled(error.into(), &again.into()),
    })
}

/// Removes what a killed process left of a root that it had not put in place.
pub(crate) fn sweep(layout: &Layout) -> Result<(), PathError> {
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
    use crate::kept::fixture::{Host, quiet, some_root};
    use landfall_keys::{RootChanges, SecretKey};

    #[test]
    fn what_is_pinned_only_rises() {
        let host = Host::new();
        let layout = &host.layout;
        let first = host.trust.clone();
        let add = RootChanges { add: vec![SecretKey::generate().unwrap().public_key()], ..RootChanges::default() };
        let next = first.next(&add).unwrap();
        let mut release = host.bring("1.0.0", 1, &[("bin/landfall", "0755", "x")]);
        for (accepted, expected) in [(&next, &next), (&first, &next), (&next, &next)] {
            release.trust = Some(accepted.clone());
            raise(layout, &release, quiet()).unwrap();
            assert_eq!(std::fs::read_to_string(layout.trust_root()).unwrap(), expected.to_json());
        }
        release.trust = None;
        raise(layout, &release, quiet()).unwrap();
        assert_eq!(pinned(layout).unwrap(), Some(next));
    }

    #[test]
    fn a_pinned_root_that_cannot_be_read_is_left_for_a_person_to_replace() {
        let host = Host::new();
        let release = host.bring("1.0.0", 1, &[("bin/landfall", "0755", "x")]);
        std::fs::write(host.layout.trust_root(), "{").unwrap();
        raise(&host.layout, &release, quiet()).unwrap();
        assert_eq!(std::fs::read(host.layout.trust_root()).unwrap(), b"{");
    }

    #[test]
    fn pinning_makes_its_folder_and_a_failure_leaves_what_was_there() {
        let bare = tempfile::tempdir().unwrap();
        let (layout, root) = (Layout::new(bare.path()), some_root());
        pin(&layout, &root).unwrap();
        assert_eq!(pinned(&layout).unwrap(), Some(root.clone()));
        // A folder under the temporary name is in the way.
        std::fs::create_dir(durable::partial(&layout.trust_root())).unwrap();
        assert!(pin(&layout, &some_root()).is_err());
        assert_eq!(pinned(&layout).unwrap(), Some(root));
    }
}
