//! Chains of roots in bundles, against the real installer: `root_rotation_cases` of `test_updater_key_rotations.py`, by its
//! names. A version is the numbers of the people in it, how many of them must sign, and who signed it.

use super::publisher::Publisher;
use anyhow::{Context as _, Result, ensure};
use landfall_keys::{PublicKey, RootLink, TrustRoot};
use landfall_manifests::Signed;
use landfall_tests::{FolderHost, SmallRelease, tell};
use serde_json::json;
use std::path::PathBuf;

type Version = (&'static [usize], u32, &'static [usize]);
type Case = (&'static str, &'static [Version], bool);

const PEOPLE: usize = 10;
const FIVE: &[usize] = &[0, 1, 2, 3, 4];
const OTHER_FIVE: &[usize] = &[0, 1, 3, 4, 5];
const NEXT_FIVE: &[usize] = &[5, 6, 7, 8, 9];

const CASES: [Case; 15] = [
    ("1-of-1-key-rotation", &[(&[1], 1, &[1]), (&[2], 1, &[2, 1]), (&[2], 1, &[2])], true),
    (
        "1-of-1-key-rotation-unused-signatures",
        &[(&[1], 1, &[3, 1, 4]), (&[2], 1, &[3, 2, 1, 4]), (&[2], 1, &[3, 2, 4])],
        true,
    ),
    (
        "3-of-5-sign-with-different-keycombos",
        &[(FIVE, 3, &[0, 2, 4]), (FIVE, 3, &[0, 4, 1]), (FIVE, 3, &[0, 1, 3]), (FIVE, 3, &[0, 1, 3])],
        true,
    ),
    ("3-of-5-one-key-rotated", &[(FIVE, 3, &[0, 2, 4]), (OTHER_FIVE, 3, &[0, 4, 1])], true),
    (
        "3-of-5-one-key-rotated-with-intermediate-step",
        &[(FIVE, 3, &[0, 2, 4]), (OTHER_FIVE, 3, &[0, 2, 4, 5]), (OTHER_FIVE, 3, &[0, 4, 5])],
        true,
    ),
    (
        "3-of-5-all-keys-rotated-with-intermediate-step",
        &[(FIVE, 3, &[0, 2, 4]), (NEXT_FIVE, 3, &[0, 2, 4, 5, 6, 7]), (NEXT_FIVE, 3, &[5, 6, 7])],
        true,
    ),
    ("1-of-3-threshold-increase-to-2-of-3", &[(&[1, 2, 3], 1, &[1]), (&[1, 2, 3], 2, &[1, 2])], true),
    (
        "2-of-3-threshold-decrease-to-1-of-3",
        &[(&[1, 2, 3], 2, &[1, 2]), (&[1, 2, 3], 1, &[1, 2]), (&[1, 2, 3], 1, &[1])],
        true,
    ),
    ("1-of-2-threshold-increase-to-2-of-2", &[(&[1], 1, &[1]), (&[1, 2], 2, &[1, 2])], true),
    ("1-of-1-key-rotation-fail-not-signed-with-old-key", &[(&[1], 1, &[1]), (&[2], 1, &[2, 3, 4])], false),
    ("1-of-1-key-rotation-fail-not-signed-with-new-key", &[(&[1], 1, &[1]), (&[2], 1, &[1, 3, 4])], false),
    (
        "3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys",
        &[(FIVE, 3, &[0, 2, 4]), (OTHER_FIVE, 3, &[0, 2, 4])],
        false,
    ),
    (
        "3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys",
        &[(FIVE, 3, &[0, 2, 4]), (OTHER_FIVE, 3, &[0, 4, 5])],
        false,
    ),
    (
        "1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached",
        &[(&[1, 2, 3], 1, &[1]), (&[1, 2, 3], 2, &[2])],
        false,
    ),
    (
        "2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-eached",
        &[(&[1, 2, 3], 2, &[1, 2]), (&[1, 2, 3], 1, &[1])],
        false,
    ),
];

/// A root in its written form, whatever it says.
fn root(publisher: &Publisher, version: u32, keys: &[usize], threshold: u32, revoked: &[usize]) -> Result<TrustRoot> {
    let keys: Vec<PublicKey> = keys.iter().map(|person| publisher.keys[*person].public_key()).collect();
    let revoked: Vec<String> = revoked.iter().map(|person| publisher.keys[*person].id().to_string()).collect();
    let json = json!({"version": version, "threshold": threshold, "keys": keys, "revoked": revoked});
    Ok(TrustRoot::parse(json.to_string().as_bytes())?)
}

fn link(publisher: &Publisher, root: &TrustRoot, signers: &[usize]) -> Result<RootLink> {
    let json = root.to_json();
    let sign = |person: &usize| publisher.keys[*person].sign(json.as_bytes(), "trust root");
    Ok(RootLink::new(root, &signers.iter().map(sign).collect::<Result<Vec<_>, _>>()?))
}

/// A bundle that carries these links and is signed by these people.
fn bundle(publisher: &Publisher, version: &str, serial: u64, links: &[RootLink], signers: &[usize]) -> Result<PathBuf> {
    let mut release = SmallRelease::new(version, serial)?;
    release.release.trust = links.to_vec();
    let named: Vec<_> = signers.iter().map(|person| &publisher.keys[*person]).collect();
    let (first, others) = signers.split_first().context("nobody signs")?;
    let mut signed = Signed::new(release.named(&named), std::slice::from_ref(&publisher.keys[*first]))?;
    others.iter().try_for_each(|person| signed.add(&publisher.keys[*person]))?;
    publisher.scratch.put(&format!("{version}.tar"), &release.write(&signed)?)
}

/// A host that pins the first root and has the first release.
fn pinned(publisher: &Publisher, name: &str, keys: &[usize], threshold: u32) -> Result<FolderHost> {
    let host = publisher.scratch.host(name)?;
    let first = bundle(publisher, "1.0.0", 1, &[], keys)?;
    publisher.install(&host, &first, keys, threshold).ok()?;
    Ok(host)
}

fn trusts(host: &FolderHost, root: &TrustRoot) -> Result<()> {
    let found = std::fs::read_to_string(host.path("etc/landfall/trust.json"))?;
    ensure!(found == root.to_json(), "the host trusts {found}");
    Ok(())
}

#[test]
fn root_rotation() -> Result<()> {
    let publisher = Publisher::new(PEOPLE)?;
    let everybody: Vec<usize> = (0..PEOPLE).collect();
    for (name, versions, good) in CASES {
        let (keys, threshold, _) = versions[0];
        let host = pinned(&publisher, name, keys, threshold)?;
        let (mut links, mut newest) = (Vec::new(), root(&publisher, 1, keys, threshold, &[])?);
        trusts(&host, &newest)?;
        for (version, (keys, threshold, signers)) in (2..).zip(&versions[1..]) {
            newest = root(&publisher, version, keys, *threshold, &[])?;
            links.push(link(&publisher, &newest, signers)?);
        }
        let next = bundle(&publisher, "1.1.0", 2, &links, &everybody)?;
        if good {
            host.update(&next).ok().with_context(|| name)?;
            trusts(&host, &newest).with_context(|| name)?;
        } else {
            host.refuses(host.update(&next), 4, "trust_chain").with_context(|| name)?;
        }
    }
    tell(format_args!("tuf: {} chains of roots, each ended as TUF says", CASES.len()));
    Ok(())
}

/// A release that only revoked keys signed, on a host that learns of the revocation by that very bundle, and after it.
#[test]
fn root_revoked_keys() -> Result<()> {
    let publisher = Publisher::new(3)?;
    let host = pinned(&publisher, "host", &[0], 1)?;
    let second = root(&publisher, 2, &[1], 1, &[0])?;
    let links = [link(&publisher, &second, &[0, 1])?];
    let thief = bundle(&publisher, "1.1.0", 2, &links, &[0])?;
    let message = host.refuses(host.update(&thief), 4, "untrusted")?;
    ensure!(message.contains(&publisher.keys[0].id().to_string()), "{message}");
    host.update(&bundle(&publisher, "1.2.0", 3, &links, &[1])?).ok()?;
    trusts(&host, &second)?;
    // Also without the chain, and with a chain that leaves the revocation out.
    host.refuses(host.update(&bundle(&publisher, "1.3.0", 4, &[], &[0])?), 4, "untrusted")?;
    let forgotten = root(&publisher, 3, &[0, 1], 1, &[])?;
    let forgotten = link(&publisher, &forgotten, &[0, 1])?;
    let chain = [links[0].clone(), forgotten];
    host.refuses(host.update(&bundle(&publisher, "1.3.0", 4, &chain, &[1])?), 4, "trust_chain")?;
    // What was accepted before comes back.
    host.installer().args(["rollback", "--yes"]).ok()?;
    trusts(&host, &second)
}

/// A chain with a version left out, one that begins anew, and one that ends before the root that the host trusts.
#[test]
fn root_rollback_and_fast_forward() -> Result<()> {
    let publisher = Publisher::new(3)?;
    let host = pinned(&publisher, "host", &[0], 1)?;
    let everyone = [0, 1, 2];
    let links = (2..6)
        .map(|version| link(&publisher, &root(&publisher, version, &[0], 1, &[])?, &everyone))
        .collect::<Result<Vec<_>>>()?;
    for broken in [&links[1..], &[links[0].clone(), links[2].clone()], &[links[0].clone(), links[0].clone()]] {
        host.refuses(host.update(&bundle(&publisher, "1.1.0", 2, broken, &[0])?), 4, "trust_chain")?;
    }
    host.update(&bundle(&publisher, "1.1.0", 2, &links, &[0])?).ok()?;
    let newest = root(&publisher, 5, &[0], 1, &[])?;
    trusts(&host, &newest)?;
    // An older chain says nothing new.
    host.update(&bundle(&publisher, "1.2.0", 3, &links[..2], &[0])?).ok()?;
    trusts(&host, &newest)?;
    // Another root under a number that the host knows.
    let fork = link(&publisher, &root(&publisher, 5, &[0, 1], 1, &[])?, &everyone)?;
    let forked = [&links[..3], &[fork]].concat();
    host.refuses(host.update(&bundle(&publisher, "1.3.0", 4, &forked, &[0])?), 4, "trust_chain").map(drop)
}
