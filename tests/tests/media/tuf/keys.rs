//! Who signed, and who counts: after `test_keys.py` and the `non_root_rotation_cases` of `test_updater_key_rotations.py`.

use super::publisher::{Publisher, claimed_by, under_id};
use anyhow::{Context as _, Result};

/// Keys, threshold, signatures, and whether they suffice.
type Case = (&'static str, &'static [usize], u32, &'static [usize], bool);

/// TUF's `non_root_rotation_cases`, by its names.
const CASES: [Case; 10] = [
    ("1-of-1-key-rotation", &[2], 1, &[2], true),
    ("1-of-1-key-rotation-unused-signatures", &[1], 1, &[3, 1, 4], true),
    ("1-of-1-key-rotation-fail-not-signed-with-new-key", &[2], 1, &[1, 3, 4], false),
    ("3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys", &[0, 1, 3, 4, 5], 3, &[0, 2, 4], false),
    ("2-of-5-one-key-signature-mising-threshold-not-reached", &[0, 1, 3, 4, 5], 3, &[0, 4], false),
    ("3-of-5-sign-first-combo", &[0, 1, 2, 3, 4], 3, &[0, 2, 4], true),
    ("3-of-5-sign-second-combo", &[0, 1, 2, 3, 4], 3, &[0, 4, 1], true),
    ("3-of-5-sign-third-combo", &[0, 1, 2, 3, 4], 3, &[0, 1, 3], true),
    ("3-of-5-sign-fourth-combo", &[0, 1, 2, 3, 4], 3, &[1, 2, 3], true),
    ("3-of-5-sign-fifth-combo", &[0, 1, 2, 3, 4], 3, &[2, 3, 4], true),
];

#[test]
fn non_root_rotations() -> Result<()> {
    let publisher = Publisher::new(6)?;
    for (name, keys, threshold, signers, suffices) in CASES {
        let signatures = signers.iter().map(|index| publisher.signature(*index)).collect::<Result<Vec<_>>>()?;
        let bundle = publisher.signed_by("bundle", &signatures)?;
        let host = publisher.scratch.host(name)?;
        let install = publisher.install(&host, &bundle, keys, threshold);
        if suffices {
            install.ok().with_context(|| name)?;
        } else {
            host.refuses(install, 4, "untrusted").with_context(|| name)?;
        }
    }
    Ok(())
}

#[test]
fn snapshot_threshold() -> Result<()> {
    let publisher = Publisher::new(5)?;
    let bundle = publisher.signed_by("bundle", &[publisher.signature(0)?])?;
    let host = publisher.scratch.host("host")?;
    // More than there are keys is no threshold.
    host.refuses(publisher.install(&host, &bundle, &[0, 1, 2, 3, 4], 6), 2, "trust")?;
    host.refuses(publisher.install(&host, &bundle, &[0], 0), 2, "trust")?;
    host.refuses(publisher.install(&host, &bundle, &[0, 1, 2, 3, 4], 5), 4, "untrusted")?;
    publisher.install(&host, &bundle, &[0, 1, 2, 3, 4], 1).ok().map(drop)
}

/// The manifest names five keys, one of which has signed.
#[test]
fn root_has_keys_but_not_snapshot() -> Result<()> {
    let publisher = Publisher::new(5)?;
    let bundle = publisher.signed_by("bundle", &[publisher.signature(0)?])?;
    let host = publisher.scratch.host("host")?;
    host.refuses(publisher.install(&host, &bundle, &[0, 1], 2), 4, "untrusted")?;
    host.refuses(publisher.install(&host, &bundle, &[1, 2], 1), 4, "untrusted")?;
    Ok(())
}

/// One key under two ids is one key.
#[test]
fn duplicate_keys_root() -> Result<()> {
    let publisher = Publisher::new(2)?;
    let (one, other) = (publisher.keys[0].public_key(), publisher.keys[1].id());
    let twin = under_id(&one, other)?;
    let signature = publisher.signature(0)?;
    let bundle = publisher.signed_by("bundle", &[signature.clone(), claimed_by(&signature, other)?])?;
    let host = publisher.scratch.host("host")?;
    let install = |keys: [&str; 2]| {
        let trust = keys.into_iter().flat_map(|key| ["--trust", key]);
        host.installer().arg("install").arg(&bundle).args(trust).args(["--threshold", "2"])
    };
    host.refuses(install([&one.to_line(), &twin]), 2, "trust")?;
    host.refuses(install([&one.to_line(), &one.to_line()]), 2, "trust")?;
    Ok(())
}

/// One signature under two ids is one signature.
#[test]
fn duplicate_sig_keyids() -> Result<()> {
    let publisher = Publisher::new(2)?;
    let signature = publisher.signature(0)?;
    let copied = claimed_by(&signature, publisher.keys[1].id())?;
    let host = publisher.scratch.host("host")?;
    let bundle = publisher.signed_by("bundle", &[signature.clone(), copied])?;
    host.refuses(publisher.install(&host, &bundle, &[0, 1], 2), 4, "untrusted")?;
    // Under one id twice.
    let bundle = publisher.signed_by("bundle", &[signature.clone(), signature])?;
    host.refuses(publisher.install(&host, &bundle, &[0, 1], 2), 3, "damaged")?;
    Ok(())
}

/// What a host has pinned is not overruled by the command line, and the command line is not overruled by the bundle.
#[test]
fn unsigned_initial_root() -> Result<()> {
    let publisher = Publisher::new(2)?;
    let bundle = publisher.signed_by("bundle", &[publisher.signature(1)?])?;
    let host = publisher.scratch.host("host")?;
    host.refuses(host.installer().arg("install").arg(&bundle), 4, "not_trusted")?;
    host.refuses(publisher.install(&host, &bundle, &[0], 1), 4, "untrusted")?;
    let installed = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    installed.installer().args(["uninstall", "--yes"]).ok()?;
    installed.refuses(publisher.install(&installed, &bundle, &[1], 1), 4, "untrusted")?;
    Ok(())
}
