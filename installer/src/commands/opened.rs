//! A bundle whose manifest is believed, and by which keys.

use crate::layout::Layout;
use crate::media::{Media, MediaArgs, damage};
use crate::trust::{self, TrustArgs};
use landfall_console::{Console, Exit, Failure};
use landfall_keys::TrustRoot;
use landfall_manifests::{Bundle, Entry, Head, ReadError};

/// A bundle that enough trusted keys have signed. Its blobs are not checked yet.
pub(super) struct Opened {
    pub(super) media: Media,
    pub(super) bundle: Bundle,
    /// What the host trusts from the installation on.
    pub(super) trust: TrustRoot,
}

impl Opened {
    /// Reads a small entry of the bundle.
    pub(super) fn entry(&self, entry: &Entry) -> anyhow::Result<Vec<u8>> {
        self.media.entry(entry).map_err(|error| damage::located(&self.media, Some(&self.bundle), error.into()))
    }
}

/// Whether an operator may accept a key that the bundle itself offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Ask,
    Refuse,
}

/// Opens a bundle and believes its manifest, or refuses it.
///
/// What the host has pinned always decides; keys on the command line must agree besides. For [`Offer::Refuse`], which installs
/// nothing, keys on the command line stand alone.
pub(super) fn open(
    media: &MediaArgs,
    args: &TrustArgs,
    layout: &Layout,
    console: Console,
    offer: Offer,
) -> anyhow::Result<Opened> {
    let given = args.given()?;
    let mut media = Media::open(media, console)?;
    let refused = |error: ReadError| damage::located(&media, None, error.into());
    let head = media.head().map_err(refused)?;
    let pinned = if offer == Offer::Refuse && given.is_some() { None } else { trust::pinned(layout)? };
    if let Some(given) = &given {
        head.clone().verify(given.trusted_keys()).map_err(refused)?;
    }
    let trust = match pinned.or(given) {
        Some(trust) => trust,
        None => accepted(&head, console, offer)?,
    };
    let bundle = head.verify(trust.trusted_keys()).map_err(refused)?;
    let bundle = media.settle(bundle, trust.trusted_keys())?;
    Ok(Opened { media, bundle, trust })
}

fn accepted(head: &Head, console: Console, offer: Offer) -> anyhow::Result<TrustRoot> {
    if offer == Offer::Ask {
        return trust::ask(head, console);
    }
    let failure = Failure::new(Exit::Untrusted, "not_trusted", "this host trusts no key yet, and none was given");
    Err(failure
        .hint("give the publisher's public key with --trust, as its line that begins with RW or as a file")
        .into())
}
