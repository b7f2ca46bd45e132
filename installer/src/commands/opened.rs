//! A bundle whose manifest is believed, and by which keys.

use crate::layout::Layout;
use crate::media::{Media, MediaArgs, damage};
use crate::plan::TrustChange;
use crate::trust::{self, Given, TrustArgs};
use landfall_console::{Console, Exit, Failure};
use landfall_keys::TrustRoot;
use landfall_manifests::{Bundle, Entry, Head, ReadError};

/// A bundle that enough trusted keys have signed. Its blobs are not checked yet.
pub(super) struct Opened {
    pub(super) media: Media,
    pub(super) bundle: Bundle,
    /// What the host trusts once the release counts: what it has pinned, followed to its newest successor.
    pub(super) trust: TrustRoot,
    /// The version that the host has pinned.
    pub(super) pinned: Option<u32>,
}

impl Opened {
    /// Reads a small entry of the bundle.
    pub(super) fn entry(&self, entry: &Entry) -> anyhow::Result<Vec<u8>> {
        self.media.entry(entry).map_err(|error| damage::located(&self.media, Some(&self.bundle), error.into()))
    }

    /// How what the host has pinned changes once the release counts.
    pub(super) fn trust_change(&self) -> Option<TrustChange> {
        let (from, to) = (self.pinned?, self.trust.version());
        (from != to).then_some(TrustChange { from, to })
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
/// What the host has pinned always decides, together with the successors that the bundle brings; keys on the command line must
/// agree besides. For [`Offer::Refuse`], which installs nothing, keys on the command line stand alone. Nothing is written.
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
    let (chain, version) = (head.offered_chain(), pinned.as_ref().map(TrustRoot::version));
    let trust = match (pinned, given) {
        (Some(pinned), given) => {
            if let Some(given) = given {
                head.clone().verify(given.lead(&chain)?.trusted_keys()).map_err(refused)?;
            }
            trust::successor(&pinned, &chain)?
        }
        (None, Some(given)) => given.lead(&chain)?,
        (None, None) => accepted(&head, console, offer)?.lead(&chain)?,
    };
    let bundle = head.verify(trust.trusted_keys()).map_err(refused)?;
    let bundle = media.settle(bundle, trust.trusted_keys())?;
    Ok(Opened { media, bundle, trust, pinned: version })
}

fn accepted(head: &Head, console: Console, offer: Offer) -> anyhow::Result<Given> {
    if offer == Offer::Ask {
        return trust::ask(head, console);
    }
    let failure = Failure::new(Exit::Untrusted, "not_trusted", "this host trusts no key yet, and none was given");
    Err(failure
        .hint("give the publisher's public key with --trust, as its line that begins with RW or as a file")
        .into())
}
