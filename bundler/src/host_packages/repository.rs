//! A Debian mirror (the repository format of wiki.debian.org): its signed list of contents, the indexes that this names by digest, and the
//! packages that those name.

use super::candidate::{Candidate, FIELDS, Listed};
use super::error::PackageFault;
use super::fetch::{Fetcher, OpenIndex};
use super::relation::Relation;
use super::resolve::Offer;
use super::signature::{LIST_BYTES, verified_text};
use super::stanza::Stanzas;
use crate::definition::Mirror;
use crate::sources::Compression;
use landfall_console::Console;
use landfall_manifests::{Arch, Digest, PackageName};
use std::collections::BTreeSet;
use std::io::{self, BufReader};
use url::Url;

/// The fields that are read of a list of contents.
const LIST_FIELDS: &[&str] = &["Suite", "Codename", "Valid-Until", "SHA256"];
/// One index as it is compressed, in bytes: Debian's largest takes 12 MB.
const INDEX_BYTES: u64 = 1 << 30;
/// How indexes are compressed, the best for us first: unpacking xz takes as much memory as whoever packed it chose.
const FORMS: [(&str, Compression); 2] = [("Packages.gz", Compression::Gzip), ("Packages.xz", Compression::Xz)];

/// A package that was chosen, and where the mirror has it.
pub(super) struct Offered {
    pub(super) candidate: Candidate,
    pub(super) url: Url,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

/// Chooses the packages of these names and all that they need.
pub(super) fn choose(
    mirror: &Mirror,
    names: &[PackageName],
    arch: Arch,
    fetcher: &Fetcher<'_>,
    console: Console,
) -> Result<Vec<Offered>, PackageFault> {
    let mut indexes = Vec::new();
    for suite in &mirror.suites {
        indexes.extend(suite_indexes(mirror, suite, arch, fetcher, console)?);
    }
    let offered = offered(&mut indexes, names)?;
    let candidates: Vec<Candidate> = offered.iter().map(|(candidate, _)| candidate.clone()).collect();
    let chosen = Offer::new(&candidates).choose(names)?;
    chosen.into_iter().map(|index| located(mirror, &offered[index])).collect()
}

fn located(mirror: &Mirror, (candidate, listed): &(Candidate, Option<Listed>)) -> Result<Offered, PackageFault> {
    let unlisted = || PackageFault::Unlisted { address: mirror.url.to_string(), name: candidate.name.clone() };
    let Listed { path, size, digest } = listed.as_ref().ok_or_else(unlisted)?;
    let url = mirror.url.join(path).map_err(|_| unlisted())?;
    Ok(Offered { candidate: candidate.clone(), url, size: *size, digest: *digest })
}

/// The indexes of a suite, as its signed list of contents has them.
fn suite_indexes(
    mirror: &Mirror,
    suite: &str,
    arch: Arch,
    fetcher: &Fetcher<'_>,
    console: Console,
) -> Result<Vec<OpenIndex>, PackageFault> {
    let address = mirror.address(&format!("dists/{suite}/InRelease"));
    // 1. The list is signed. Nothing of the mirror is believed that does not follow from it.
    let folder = tempfile::tempdir().map_err(PackageFault::Temporary)?;
    fetcher.to_path(&address, &folder.path().join("InRelease"), LIST_BYTES)?;
    let text = verified_text(folder.path(), address.as_str(), &mirror.keyring.path)?;
    let broken = |source| PackageFault::Index { address: address.to_string(), source };
    let list = Stanzas::new(&text[..], LIST_FIELDS).next().map_err(broken)?.unwrap_or_default();
    // 2. It is of the suite that was asked for: another one is signed by the same keys.
    if ![list.get("Suite"), list.get("Codename")].contains(&suite) {
        let found = list.get("Codename").to_owned();
        return Err(PackageFault::Suite { address: address.to_string(), found });
    }
    if let Some(until) = expired(list.get("Valid-Until"), jiff::Timestamp::now()) {
        console.warn(format_args!("{address} was to be replaced by {until}: the mirror may be out of date"));
    }
    // 3. The indexes, by their digests.
    let indexes = mirror.components.iter().map(|component| {
        let in_form = |(name, compression)| {
            let path = format!("{component}/binary-{}/{name}", arch.name());
            let (digest, size) = listed_digest(list.get("SHA256"), &path)?;
            Some((mirror.address(&format!("dists/{suite}/{path}")), compression, digest, size))
        };
        let found = FORMS.into_iter().find_map(in_form);
        let (url, compression, digest, size) =
            found.filter(|found| found.3 <= INDEX_BYTES).ok_or_else(|| PackageFault::NoIndex {
                address: address.to_string(),
                component: component.clone(),
                architecture: arch.name(),
            })?;
        Ok(OpenIndex { file: fetcher.to_file(&url, size, digest)?, compression, address: url.to_string() })
    });
    indexes.collect()
}

/// A file's digest and size in the field `SHA256`: a line for each, with digest, size and path.
fn listed_digest(field: &str, path: &str) -> Option<(Digest, u64)> {
    field.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (digest, size) = (words.next()?, words.next()?);
        (words.next() == Some(path)).then_some(())?;
        Some((format!("sha256:{digest}").parse().ok()?, size.parse().ok()?))
    })
}

/// When the list was to be replaced, if that time is over by this machine's clock.
fn expired(field: &str, now: jiff::Timestamp) -> Option<&str> {
    let time = jiff::fmt::rfc2822::parse(&field.replace("UTC", "+0000")).ok()?;
    (time.timestamp() < now).then_some(field)
}

/// What of the indexes may be needed for these names: the packages, whatever may fulfil what they need, and so on, and what every
/// system has. The indexes are read again until nothing is new, and little of them is held in memory.
fn offered(indexes: &mut [OpenIndex], names: &[PackageName]) -> Result<Vec<(Candidate, Option<Listed>)>, PackageFault> {
    let mut wanted: BTreeSet<Box<str>> = names.iter().map(|name| name.as_str().into()).collect();
    loop {
        let (before, mut kept) = (wanted.len(), Vec::new());
        for index in &mut *indexes {
            let address = index.address.clone();
            let broken = |source| PackageFault::Index { address: address.clone(), source };
            let input = BufReader::with_capacity(256 << 10, index.unpacked().map_err(broken)?);
            let mut stanzas = Stanzas::new(input, FIELDS);
            while let Some(mut stanza) = stanzas.next().map_err(broken)? {
                let is_wanted = wanted.contains(stanza.get("Package"))
                    || stanza.get("Essential") == "yes"
                    || stanza.get("Priority") == "required"
                    || stanza.get("Provides").split(',').filter_map(Relation::parse).any(|it| wanted.contains(it.name));
                if !is_wanted {
                    continue;
                }
                let listed = Listed::of(&mut stanza);
                let candidate = Candidate::of(&mut stanza)
                    .map_err(|error| broken(io::Error::new(io::ErrorKind::InvalidData, error)))?;
                wanted.extend(candidate.needs().flatten().map(|relation| relation.name.into()));
                kept.push((candidate, listed));
            }
        }
        if wanted.len() == before {
            return Ok(kept);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_named_by_digest_and_size() {
        let digest = "ab".repeat(32);
        let field =
            format!("\n {digest}  12 main/binary-amd64/Packages\n {digest} 34 main/binary-amd64/Packages.gz\n x y z");
        let (found, size) = listed_digest(&field, "main/binary-amd64/Packages.gz").unwrap();
        assert_eq!((found.hex(), size), (digest.clone(), 34));
        assert_eq!(listed_digest(&field, "main/binary-arm64/Packages.gz"), None);
        assert_eq!(listed_digest(&field, "z"), None);
    }

    #[test]
    fn a_list_that_should_have_been_replaced_is_told() {
        let now = "2026-11-30T00:00:00Z".parse().unwrap();
        for (field, expected) in [
            ("Sun, 29 Nov 2026 20:33:00 UTC", true),
            ("Tue, 1 Dec 2026 20:33:00 UTC", false),
            ("", false),
            ("whenever", false),
        ] {
            assert_eq!(expired(field, now).is_some(), expected, "{field:?}");
        }
    }
}
