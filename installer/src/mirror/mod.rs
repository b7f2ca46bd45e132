//! A folder of bundles with a signed index, on a disk or on a plain HTTP server, from which a host takes the newest that may come in. It is looked
//! into only when an operator names it.

mod address;
mod args;
mod choice;
mod error;

pub(crate) use address::MirrorAddress;
pub(crate) use args::{BundleArgs, Located};
pub(crate) use error::MirrorError;

use crate::layout::Layout;
use crate::media::{Media, MediaArgs, MediaError};
use crate::plan::policy::Refusal;
use crate::state::installed::Installed;
use crate::state::read_floor;
use crate::trust;
use choice::Choice;
use landfall_console::Console;
use landfall_keys::Verified;
use landfall_manifests::{Arch, BundleIndex, Digest, IndexedBundle, SignedIndex};

/// A bundle of a mirror, as its verified index describes it.
#[derive(Debug)]
pub(crate) struct MirroredBundle {
    address: MirrorAddress,
    bundle: IndexedBundle,
}

/// The newest bundle that may come in here, if there is one; whatever is newer still, and why it may not, is told.
fn newest(
    address: &MirrorAddress,
    layout: &Layout,
    installed: &Installed,
    console: Console,
) -> Result<Option<MirroredBundle>, MirrorError> {
    let (index, floor) = (index(address, layout)?, read_floor(layout)?);
    let Choice { newest, beyond } = Choice::of(index.get(), installed, floor, Arch::of_this_program())?;
    if let Some((bundle, obstacle)) = beyond {
        console.warn(format_args!("{address} has {} too, {obstacle}", bundle.id()));
    }
    Ok(newest.map(|bundle| MirroredBundle { address: address.clone(), bundle: bundle.clone() }))
}

/// The index, signed by the keys of the newest root to which the pinned one leads.
fn index(address: &MirrorAddress, layout: &Layout) -> Result<Verified<BundleIndex>, MirrorError> {
    let file = address.read_index()?;
    let signed = SignedIndex::parse(&file)?;
    // Before an installation nobody has said whom this host trusts.
    let pinned = trust::pinned(layout)?.ok_or(Refusal::NotInstalled("update"))?;
    let root = trust::successor(&pinned, signed.offered_chain())?;
    Ok(signed.verify(root.trusted_keys())?)
}

impl MirroredBundle {
    /// Opens it where it is.
    pub(crate) fn open(&self, console: Console) -> Result<Media, MediaError> {
        match self.address.bundle(&self.bundle.file) {
            MirrorAddress::Folder(file) => MediaArgs { file, parts: Vec::new(), patch: None }.open(console),
            MirrorAddress::Server(address) => Media::open_address(&address),
        }
    }

    /// Checks that what was found there is what the index lists.
    pub(crate) fn check(&self, manifest: &[u8]) -> Result<(), MirrorError> {
        let found = Digest::of(manifest);
        if found == self.bundle.manifest {
            return Ok(());
        }
        let (file, expected) = (self.bundle.file.clone(), self.bundle.manifest);
        Err(MirrorError::OtherBundle { file, found, expected })
    }
}
