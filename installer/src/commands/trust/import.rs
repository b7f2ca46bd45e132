use super::RootReport;
use crate::failure;
use crate::installed::Installed;
use crate::journal::Journal;
use crate::site::HostArgs;
use crate::state::State;
use crate::trust::{self, Refused, TrustError};
use landfall_console::{Console, Exit, Failure};
use landfall_keys::{RootLink, TrustRoot};
use landfall_manifests::Digest;
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  landfall-installer trust import /media/stick/trust
  landfall-installer trust import /media/stick/acme-1.4.0-linux-amd64.landfall.tar
  landfall-installer trust import /media/stick/5.root.json --replace sha256:9f86d081…

Exit codes: 0 done or newest already, 2 usage, 3 damaged, 4 not signed as it must be, or not the root of that digest,
5 older than what is trusted, 8 another operation is at work or was interrupted";

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
    /// Trust the root of this digest although nobody whom this host trusts has signed it: when too many keys are lost. Get
    /// the digest by another way than this media
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

pub(super) fn run(args: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host.layout()?;
    // Held to the end. A host on which nothing was ever installed has no lock, and nobody else who would write.
    let _state = State::open(&layout)?;
    if let Some(journal) = Journal::read(&layout)? {
        return Err(failure::interrupted(journal.operation.name()).into());
    }
    let pinned = trust::pinned(&layout)?;
    let links = trust::read_links(&args.path, console)?;
    let root = match &args.replace {
        Some(digest) => replacement(&args.path, &links, digest, pinned.as_ref())?,
        None => successor(links, pinned.as_ref())?,
    };
    let changed = pinned.as_ref() != Some(&root);
    let installed = Installed::read(&layout)?;
    if changed {
        trust::pin(&layout, &root)?;
    }
    let refused = installed.map(|installed| trust::refused(&layout, &installed, &root)).unwrap_or_default();
    for refused in &refused {
        console.warn(refused);
    }
    let report = Report { changed, from: pinned.map(|pinned| pinned.version()), root: (&root).into(), refused };
    console.result(&report, text(&report))
}

/// The newest root to which the links lead from the one that is pinned.
fn successor(mut links: Vec<RootLink>, pinned: Option<&TrustRoot>) -> anyhow::Result<TrustRoot> {
    let Some(pinned) = pinned else {
        let failure =
            Failure::new(Exit::Untrusted, "not_trusted", "this host trusts nobody yet, so that no root can follow");
        let hint = "give the digest of the root with --replace, as you were told it by another way than this media; or install \
                    with --trust";
        return Err(failure.hint(hint).into());
    };
    // A publisher's folder has all of them, however many there have been.
    links.retain(|link| link.version().map_or(true, |version| version >= pinned.version()));
    Ok(trust::successor(pinned, &links)?)
}

/// The root that a person vouches for by its digest.
fn replacement(
    path: &Path,
    links: &[RootLink],
    digest: &Digest,
    pinned: Option<&TrustRoot>,
) -> anyhow::Result<TrustRoot> {
    let Some(link) = links.iter().find(|link| Digest::of(link.root().as_bytes()) == *digest) else {
        let message = format!("no trust root in {} has the digest {digest}", path.display());
        let hint = "compare the digest with what the publisher told you by another way, and the media with the publisher's: one \
                    of them is not right";
        return Err(Failure::new(Exit::Untrusted, "not_trusted", message).hint(hint).into());
    };
    let root =
        link.unverified_root().map_err(|source| TrustError::File { argument: path.display().to_string(), source })?;
    match pinned {
        Some(pinned) if *pinned != root && pinned.version() >= root.version() => {
            let (ours, theirs) = (pinned.version(), root.version());
            let message =
                format!("this host trusts version {ours} of the trust root already, and {theirs} is not above it");
            let hint = "the publisher makes a root with a higher version; `landfall-installer trust show` tells what is trusted";
            Err(Failure::new(Exit::Policy, "older_root", message).hint(hint).into())
        }
        _ => Ok(root),
    }
}

fn text(report: &Report) -> String {
    let (version, root) = (report.root.version, &report.root);
    match report.from {
        _ if !report.changed => format!("this host trusts version {version} of the trust root already: nothing to do"),
        Some(from) => {
            format!("this host trusts version {version} of the trust root from now on, in place of {from}\n{root}")
        }
        None => format!("this host trusts version {version} of the trust root from now on\n{root}"),
    }
}
