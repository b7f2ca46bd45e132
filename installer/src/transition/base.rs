//! Whether the host has what a delta bundle leaves out.

use super::PlanError;
use crate::host_context::HostContext;
use crate::plan::policy::Refusal;
use crate::plan::preflight::Problem;
use crate::state::installed::Installed;
use crate::store::Store;
use landfall_manifests::{Base, Blob, Content, Digest, Release};

/// Checks that the store has every blob that the bundle of `release` leaves out, and has it right, which takes reading all of them. Nothing
/// is changed.
///
/// # Errors
/// [`Refusal::Delta`] if the host does not have the release that the delta was made against, [`PlanError::Unfit`] if it has, and blobs of it
/// are missing or damaged.
pub(super) fn check(release: &Release, host: &HostContext, installed: Option<&Installed>) -> Result<(), PlanError> {
    let Some(base) = &release.base else { return Ok(()) };
    let (store, needs) = (Store::new(&host.layout), needs(release));
    let stored = store.sizes()?;
    // 1. By name: another base is told from a damaged one, and without reading anything.
    let missing = needs.iter().filter(|need| !need.names().iter().any(|name| stored.contains_key(name))).count();
    if missing > 0 && !is_there(base, installed) {
        return Err(Refusal::Delta { base: base.versions(), missing, omitted: needs.len() }.into());
    }
    // 2. By content: a disk may have changed it since.
    let progress = host.console.progress("check the base", Some(needs.iter().map(|need| need.size).sum()));
    let is_wrong = |need: &&Need| {
        let is_right = need.is_met(&store);
        progress.add(need.size);
        !is_right
    };
    let wrong: Vec<Problem> = needs.iter().filter(is_wrong).map(|need| need.problem(release)).collect();
    progress.finish();
    if wrong.is_empty() { Ok(()) } else { Err(PlanError::Unfit(wrong)) }
}

/// Something that the host has to have.
struct Need {
    /// The blob of the release that is not in the bundle.
    blob: Digest,
    /// What may be in the store for it.
    held: Held,
    size: u64,
}

enum Held {
    /// A blob that is used as it is.
    Blob,
    /// One of these contents: its own, or the one that it is made from.
    Contents(Vec<Content>),
}

fn needs(release: &Release) -> Vec<Need> {
    let contents = release.single_contents();
    let omitted = release.omitted().into_iter().map(|blob| {
        let held = contents.get(&blob.digest).map_or(Held::Blob, |content| Held::Contents(vec![*content]));
        Need { blob: blob.digest, held, size: blob.size }
    });
    let made = release.differences().iter().map(|difference| {
        let own = contents.get(&difference.blob).copied();
        let contents = [difference.from].into_iter().chain(own).collect();
        Need { blob: difference.blob, held: Held::Contents(contents), size: difference.from.size }
    });
    omitted.chain(made).collect()
}

impl Need {
    fn names(&self) -> Vec<Digest> {
        match &self.held {
            Held::Blob => vec![self.blob],
            Held::Contents(contents) => contents.iter().flat_map(|content| [content.blob, content.digest]).collect(),
        }
    }

    fn is_met(&self, store: &Store) -> bool {
        match &self.held {
            Held::Blob => store.holds(&Blob { digest: self.blob, size: self.size }),
            Held::Contents(contents) => contents.iter().any(|content| store.holds_content(content)),
        }
    }

    fn problem(&self, release: &Release) -> Problem {
        let of = release.users_of(&self.blob).into_iter().next().unwrap_or_default();
        let blob = match &self.held {
            Held::Contents(contents) => contents.first().map_or(self.blob, |content| content.blob),
            Held::Blob => self.blob,
        };
        Problem::BaseBlob { blob, of }
    }
}

/// Whether the host has one of the releases, by whichever bundle it came.
fn is_there(base: &Base, installed: Option<&Installed>) -> bool {
    let mut releases = installed.into_iter().flat_map(Installed::releases);
    releases.any(|there| base.releases().any(|base| base.manifest == there.manifest || base.version == there.version))
}
