use super::RootReport;
use super::replacement::replacement;
use crate::failure;
use crate::host_context::HostArgs;
use crate::layout::Layout;
use crate::state::State;
use crate::state::installed::Installed;
use crate::state::journal::Journal;
use crate::trust::{self, Refused, TrustError, Wanted};
use landfall_console::{Console, Exit, Failure};
use landfall_keys::{ChainError, RootLink, TrustRoot};
use landfall_manifests::Digest;
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  landfall-installer trust import /media/stick/trust
  landfall-installer trust import /media/stick/acme-1.4.0-linux-amd64.landfall.tar
  landfall-installer trust import /media/stick/5.root.json --replace sha256:9f86d081…

Exit codes: 0 done, or exactly this root is trusted already, 2 usage, 3 damaged, 4 not signed as it must be, or not the
root of that digest, 5 older than what is trusted, or it takes a revocation back, 8 another operation is at work or was
interrupted";

/// Bring in a newer trust root, without installing anything
///
/// The walk goes from the root that this host trusts, one version after the other; each next one must be signed by enough keys
/// of the one before it and of itself. It takes effect at once, for all that comes in from then on: releases that are on this
/// host stay. Nothing is changed unless all of it is right.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A folder with N.root.json and their signatures, one such file with its signatures beside it, or a bundle
    path: PathBuf,
    /// Trust the root of this digest although nobody whom this host trusts has signed it: when too many keys are lost, or
    /// trust.json is damaged. Get the digest by another way than this media
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
    refused: Vec<Refused>,
}

pub(super) fn run(args: &Args, host_args: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host_args.layout()?;
    let held = hold(&layout)?;
    let installed = Installed::read(&layout)?;
    let before = Before::read(&layout, installed.as_ref(), args.replace.is_some(), console)?;
    let root = match &args.replace {
        Some(digest) => {
            let links = trust::read_links(&args.path, Wanted::Of(digest), console)?;
            let accepted = installed.iter().flat_map(Installed::releases).filter_map(|release| release.trust.as_ref());
            replacement(&args.path, &links, digest, before.root.as_ref(), &accepted.collect::<Vec<_>>())?
        }
        None => successor(&args.path, before.root.as_ref(), console)?,
    };
    let from = before.pinned();
    let changed = from != Some(&root);
    if changed {
        // Media may be slow: an installation may have begun meanwhile, where there was nothing to lock.
        let _held = if held.is_none() { hold(&layout)? } else { held };
        trust::pin(&layout, &root)?;
    }
    let refused = installed.map(|installed| trust::refused(&layout, &installed, &root)).unwrap_or_default();
    for refused in &refused {
        console.warn(refused);
    }
    let report = Report { changed, from: from.map(TrustRoot::version), root: (&root).into(), refused };
    console.result(&report, text(&report))
}

/// Locks the host, if nothing is under way. One on which nothing was ever installed has no lock, and nobody else who would write.
fn hold(layout: &Layout) -> anyhow::Result<Option<State>> {
    let state = State::open(layout)?;
    match Journal::read(layout)? {
        Some(journal) => Err(failure::interrupted(journal.operation.name()).into()),
        None => Ok(state),
    }
}

/// Whom the host trusted so far.
struct Before {
    root: Option<TrustRoot>,
    /// It is only the newest root by which a release on this host was accepted, since the pinned one cannot be used.
    is_remembered: bool,
}

impl Before {
    /// What is pinned. Where that cannot be used and a person `vouches` for another one, what the releases tell of it must do.
    fn read(
        layout: &Layout,
        installed: Option<&Installed>,
        vouches: bool,
        console: Console,
    ) -> Result<Self, TrustError> {
        match trust::pinned(layout) {
            Err(error @ TrustError::Pinned { .. }) if vouches => {
                console.warn(format_args!("{:#}: it is replaced", anyhow::Error::from(error)));
                let accepted = installed.into_iter().flat_map(Installed::releases);
                let newest = accepted.filter_map(|release| release.trust.as_ref()).max_by_key(|root| root.version());
                Ok(Self { root: newest.cloned(), is_remembered: true })
            }
            pinned => Ok(Self { root: pinned?, is_remembered: false }),
        }
    }

    /// The root that is pinned, and can be used.
    fn pinned(&self) -> Option<&TrustRoot> {
        self.root.as_ref().filter(|_| !self.is_remembered)
    }
}

/// The newest root to which the path leads from the one that is pinned.
fn successor(path: &Path, pinned: Option<&TrustRoot>, console: Console) -> anyhow::Result<TrustRoot> {
    let Some(pinned) = pinned else {
        let failure =
            Failure::new(Exit::Untrusted, "not_trusted", "this host trusts nobody yet, so that no root can follow");
        let hint = "give the digest of the root with --replace, as you were told it by another way than this media; or install \
                    with --trust";
        return Err(failure.hint(hint).into());
    };
    let version = pinned.version();
    // A publisher's folder has all of them, however many there have been.
    let links = trust::read_links(path, Wanted::Since(version), console)?;
    let newest = links.iter().filter_map(|link| link.version().ok()).max();
    if let Some(newest) = newest.filter(|newest| *newest < version) {
        let message =
            format!("the newest trust root there is version {newest}, and this host trusts version {version}");
        let hint = "the media are older than what this host knows: ask the publisher for newer ones; `landfall-installer trust \
                    show` tells what is trusted";
        return Err(Failure::new(Exit::Policy, "older_root", message).hint(hint).into());
    }
    let root = trust::successor(pinned, &links)?;
    // Nobody signs a first root, and a host may have been told fewer keys than it has. What leads on from there counts; but
    // one that differs and leads nowhere is not what is trusted.
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
            format!("this host trusts version {version} of the trust root from now on, in place of {from}\n{root}")
        }
        None => format!("this host trusts version {version} of the trust root from now on\n{root}"),
    }
}
