use super::RootReport;
use super::replacement::replacement;
use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::layout::Layout;
use crate::receipts::{self, Draft, OperationFacts};
use crate::retained_release::{self, RefusedRelease};
use crate::settlement;
use crate::state::installed::Installed;
use crate::state::journal::{Journal, Operation, TrustImport};
use crate::state::{State, StateError};
use crate::trust::{self, PinError, RootSelection, TrustError};
use landfall_console::{Console, Exit, Failure, message_with_causes};
use landfall_keys::{ChainError, RootLink, TrustRoot};
use landfall_manifests::Digest;
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  landfall-installer trust import /media/stick/trust
  landfall-installer trust import /media/stick/acme-1.4.0-linux-amd64.landfall.tar
  landfall-installer trust import /media/stick/5.root.json --replace sha256:9f86d081…

Exit codes: 0 done, or this root is trusted already, 2 usage, 3 damaged, 4 not signed as it must be, or no root with that
digest, 5 older than the trusted root, or it takes a revocation back, 8 another operation is running";

/// Import a newer trust root without installing anything
///
/// Starts at the root that this host trusts and follows one version after the other; each must be signed by enough keys of the
/// version before it and of itself. The new root takes effect at once for all bundles from then on; releases on this host stay.
/// On any error nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A folder with N.root.json and their signatures, one such file with its signatures beside it, or a bundle
    path: PathBuf,
    /// Trust the root with this digest although no key that this host trusts has signed it: when too many keys are lost, or
    /// trust.json is damaged. Get the digest out of band, not from this media
    #[arg(long, value_name = "DIGEST")]
    replace: Option<Digest>,
}

#[derive(Debug, Serialize)]
struct Report {
    changed: bool,
    /// The version that was trusted before; `null` if there was none.
    from: Option<u32>,
    root: RootReport,
    /// The releases on this host that the root would refuse today.
    refused: Vec<RefusedRelease>,
}

pub(super) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    // A host without an installation has no lock file, and no other writer.
    let lock_held = settlement::lock_settled(host_args, &layout, console)?;
    let installed = Installed::read(&layout)?;
    let before = PreviousRoot::read(&layout, installed.as_ref(), args.replace.is_some(), console)?;
    let root = match &args.replace {
        Some(digest) => {
            let links = trust::read_root_files(&args.path, RootSelection::WithDigest(digest), console)?;
            let accepted = installed.iter().flat_map(Installed::releases).map(|release| &release.trust);
            replacement(&args.path, &links, digest, before.root.as_ref(), &accepted.collect::<Vec<_>>())?
        }
        None => successor(&args.path, before.root.as_ref(), console)?,
    };
    let from = before.pinned();
    let changed = from != Some(&root);
    if changed {
        // Where there was nothing to lock, an installation may have begun while the media were read.
        let held = if lock_held.is_none() { settlement::lock_settled(host_args, &layout, console)? } else { lock_held };
        match (held, &installed) {
            (Some(held), Some(installed)) => pin_with_receipt(held, &layout, &root, installed, console)?,
            // No release, no receipts: one rename is all.
            (_held, _) => trust::pin(&layout, &root)?,
        }
    }
    let refused =
        installed.map(|installed| retained_release::refused_releases(&layout, &installed, &root)).unwrap_or_default();
    for refused in &refused {
        console.warn(refused);
    }
    let report = Report { changed, from: from.map(TrustRoot::version), root: (&root).into(), refused };
    console.result(&report, text(&report))
}

/// Pins the root and leaves a receipt. What is cut off in between is finished by recovery.
fn pin_with_receipt(
    held: State,
    layout: &Layout,
    root: &TrustRoot,
    installed: &Installed,
    console: Console,
) -> Result<(), Error> {
    let release = &installed.current;
    let facts = OperationFacts {
        operation: receipts::Operation::Trust,
        product: &release.product,
        from: Some(release),
        to: Some(release),
        signers: &[],
        trust: root,
    };
    let import = TrustImport { root: root.clone(), receipt: Draft::new(&facts, layout, console) };
    let receipt = import.receipt.clone();
    let journal = Journal::new(installed.host.clone(), Operation::Trust(Box::new(import)));
    let state = State::begin(Some(held), layout, &journal)?;
    match trust::pin(layout, root) {
        Ok(()) => {}
        Err(PinError::Restored(error)) => {
            // Without its journal nothing of it is left.
            return Err(match state.end() {
                Ok(()) => PinError::Restored(error).into(),
                Err(undo) => StateError::Unsettled { error, undo }.into(),
            });
        }
        Err(unsettled) => return Err(unsettled.into()),
    }
    receipts::issue_or_warn(layout, &receipt, console).and_then(|()| state.end()).map_err(Error::ImportUnrecorded)
}

/// The root that the host trusted before.
struct PreviousRoot {
    root: Option<TrustRoot>,
    /// It is not the pinned root, which cannot be used, but the newest one that accepted a release on this host.
    is_remembered: bool,
}

impl PreviousRoot {
    /// The pinned root. If that cannot be used and is `replaced` by one that a person names: the newest root in the records of releases.
    fn read(
        layout: &Layout,
        installed: Option<&Installed>,
        replaced: bool,
        console: Console,
    ) -> Result<Self, TrustError> {
        match trust::pinned(layout) {
            Err(error @ TrustError::Pinned { .. }) if replaced => {
                console.warn(format_args!("{}: it is replaced", message_with_causes(&error)));
                let accepted = installed.into_iter().flat_map(Installed::releases);
                let newest = accepted.map(|release| &release.trust).max_by_key(|root| root.version());
                Ok(Self { root: newest.cloned(), is_remembered: true })
            }
            pinned => Ok(Self { root: pinned?, is_remembered: false }),
        }
    }

    /// The pinned root, if it can be used.
    fn pinned(&self) -> Option<&TrustRoot> {
        self.root.as_ref().filter(|_| !self.is_remembered)
    }
}

/// The newest root at the path that the pinned one leads to.
fn successor(path: &Path, pinned: Option<&TrustRoot>, console: Console) -> Result<TrustRoot, Error> {
    let Some(pinned) = pinned else {
        let failure = Failure::new(
            Exit::Untrusted,
            "not_trusted",
            "this host trusts no key yet, so there is no root to continue from",
        );
        let hint = "give the digest of the root with --replace, as the publisher told you out of band, not on this media; or \
                    install with --trust";
        return Err(failure.hint(hint).into());
    };
    let version = pinned.version();
    // A publisher's folder holds every version there ever was: only those since the pinned one are read.
    let links = trust::read_root_files(path, RootSelection::FromVersion(version), console)?;
    let newest = links.iter().filter_map(|link| link.version().ok()).max();
    if let Some(newest) = newest.filter(|newest| *newest < version) {
        let message =
            format!("the newest trust root there is version {newest}, and this host trusts version {version}");
        let hint = "the media are older than this host's root: ask the publisher for newer ones; `landfall-installer trust show` \
                    prints the pinned root";
        return Err(Failure::new(Exit::Policy, "older_root", message).hint(hint).into());
    }
    let root = trust::successor(pinned, &links)?;
    // A root of the same version that differs from the pinned one is another publisher's, unless the chain leads on from it: nobody
    // signs a first root, and a host may have been given fewer keys than that root lists.
    let differs =
        |link: &RootLink| link.version().is_ok_and(|found| found == version) && link.root() != pinned.to_json();
    if root == *pinned && links.iter().any(differs) {
        return Err(TrustError::Chain { pinned: version, source: ChainError::Fork { version } }.into());
    }
    Ok(root)
}

fn text(report: &Report) -> String {
    let (version, root) = (report.root.version, &report.root);
    match report.from {
        _ if !report.changed => {
            let digest = root.digest;
            format!("this host trusts version {version} of the trust root already, {digest}: nothing to do")
        }
        Some(from) => {
            format!(
                "this host trusts version {version} of the trust root from now on, instead of version {from}\n{root}"
            )
        }
        None => format!("this host trusts version {version} of the trust root from now on\n{root}"),
    }
}
