//! A bundle whose manifest is verified, and the keys that it was verified by.

use super::PlanError;
use crate::layout::Layout;
use crate::media::Media;
use crate::mirror::Located;
use crate::plan::TrustChange;
use crate::trust::{self, CliTrust, FirstUseError, OfferedRoot, TrustArgs, TrustError};
use landfall_console::{Console, message_with_causes};
use landfall_keys::{ChainError, RootLink, TrustRoot};
use landfall_manifests::{Bundle, Entry, Head, ReadError};

/// A bundle that enough trusted keys have signed. Its blobs are not verified yet.
pub(crate) struct VerifiedBundle {
    pub(crate) media: Media,
    pub(crate) bundle: Bundle,
    /// The root that the host pins with the commit: the newest one that the pinned root, or `--trust`, leads to.
    pub(crate) trust: TrustRoot,
    /// The root that the host has pinned.
    pub(crate) pinned: Option<TrustRoot>,
    /// Whether the host would pin bare keys although more people sign than these require.
    pub(crate) has_more_signers: bool,
}

impl VerifiedBundle {
    /// Reads a small entry of the bundle.
    pub(crate) fn entry(&self, entry: &Entry) -> Result<Vec<u8>, PlanError> {
        Ok(self.media.entry(entry).map_err(|error| self.media.located(Some(&self.bundle), error))?)
    }

    /// How the pinned root changes with the commit.
    pub(crate) fn trust_change(&self) -> Option<TrustChange> {
        TrustChange::between(self.pinned.as_ref(), &self.trust)
    }
}

/// Whether an operator may accept a key that the bundle itself offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstUse {
    Ask,
    Refuse,
}

/// Opens a bundle and verifies its manifest.
///
/// A pinned root always decides, together with the successors in the bundle; keys on the command line must agree with it. For [`FirstUse::Refuse`], which installs nothing, keys on the command line are used instead. Nothing is written.
pub(crate) fn open(
    located: &Located,
    args: &TrustArgs,
    layout: &Layout,
    console: Console,
    first_use: FirstUse,
) -> Result<VerifiedBundle, PlanError> {
    let given = args.parse()?;
    let mut media = located.open(console)?;
    let refused = |error: ReadError| media.located(None, error);
    let head = media.head().map_err(refused)?;
    let pinned = if first_use == FirstUse::Refuse && given.is_some() { None } else { trust::pinned(layout)? };
    // Both come from a manifest that nobody has verified yet: a chain is followed by its signatures alone.
    let (chain, offered) = (head.offered_chain(), head.offered_keys().len());
    let (trust, is_bare) = if let Some(pinned) = &pinned {
        let signed_by = |root: &TrustRoot| Ok(head.clone().verify(root.trusted_keys()).map(drop).map_err(refused)?);
        let given = given.map(|given| Ok::<_, PlanError>((given.newest_root(&head, &chain)?, given))).transpose()?;
        (root_of_pinned_host(pinned, given, &chain, signed_by, console)?, false)
    } else {
        let given = given.map_or_else(|| accepted_by_a_person(&head, &chain, console, first_use), Ok)?;
        (root_of_new_host(&given, &head, &chain)?, chain.is_empty() && matches!(given, CliTrust::Keys(..)))
    };
    // The only way from a head to a bundle: what follows works from the bytes that these keys have signed.
    let bundle = head.verify(trust.trusted_keys()).map_err(refused)?;
    let bundle = media.bind_manifest(bundle, trust.trusted_keys())?;
    located.check(bundle.manifest())?;
    if let Some(unused) = media.unused_parity() {
        console.warn(unused);
    }
    // To be relied on from here: the offered keys are in the manifest that was verified. They also name signers whose
    // signatures are not counted here.
    let signers = offered.max(bundle.verified().signers().len());
    let has_more_signers = is_bare && signers > trust.trusted_keys().threshold() as usize;
    Ok(VerifiedBundle { media, bundle, trust, pinned, has_more_signers })
}

/// The root that a host with a pinned root trusts. `--trust`, here with the newest root that it leads to, must agree with it.
fn root_of_pinned_host(
    pinned: &TrustRoot,
    given: Option<(TrustRoot, CliTrust)>,
    chain: &[RootLink],
    signed_by: impl Fn(&TrustRoot) -> Result<(), PlanError>,
    console: Console,
) -> Result<TrustRoot, PlanError> {
    let Some((given_newest, given)) = given else { return Ok(trust::successor(pinned, chain)?) };
    // First of all: where the given keys have not signed the bundle, it does not matter which root is pinned.
    signed_by(&given_newest)?;
    let pinned_newest = trust::successor(pinned, chain)?;
    trust::check_against_pinned(&given, &given_newest, &pinned_newest, console).map_err(PlanError::OtherRoot)?;
    Ok(pinned_newest)
}

/// The root that a host pins first: where the bundle brings roots, one of them, and never less than it asks for.
fn root_of_new_host(given: &CliTrust, head: &Head, chain: &[RootLink]) -> Result<TrustRoot, PlanError> {
    given.newest_root(head, chain).map_err(|error| match (&error, OfferedRoot::of(chain)) {
        (TrustError::CliChain(ChainError::NoneSigned { .. }), Ok(Some(offered))) => {
            PlanError::NoRoot(offered.refusal("trust_chain", message_with_causes(&error)))
        }
        _ => error.into(),
    })
}

/// Whom a person accepts who was shown what the bundle offers: its root, or a key where it brings none.
fn accepted_by_a_person(
    head: &Head,
    chain: &[RootLink],
    console: Console,
    first_use: FirstUse,
) -> Result<CliTrust, PlanError> {
    let asks = first_use == FirstUse::Ask && console.interactive();
    Ok(match OfferedRoot::of(chain) {
        Ok(Some(offered)) if asks => trust::prompt_for_root(&offered, console)?,
        Ok(Some(offered)) => {
            return Err(PlanError::NoRoot(offered.refusal("not_trusted", FirstUseError::NoKeyGiven.to_string())));
        }
        Ok(None) if asks => trust::prompt_for_key(&head.offered_keys(), console)?,
        Err(error) if asks => return Err(FirstUseError::Roots(error).into()),
        _ => return Err(FirstUseError::NoKeyGiven.into()),
    })
}
