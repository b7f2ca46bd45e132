//! Parts of two bundles of one publisher, each of them signed and whole, put together.

use crate::attack::{Attack, Kind};
use crate::harness::Harness;
use anyhow::{Context as _, Result, ensure};
use landfall_manifests::{Digest, archive};
use landfall_tests::SmallRelease;
use landfall_tests::tar::{Archive, Entry};

#[test]
fn refuses_mixes_of_two_bundles_of_one_publisher() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let (earlier, later) = (harness.archive()?, Archive::parse(&harness.later)?);
    let mut attacks = Vec::new();
    for (one, other, what) in [(&earlier, &later, "1.1 with 1.2"), (&later, &earlier, "1.2 with 1.1")] {
        for (index, entry) in other.entries.iter().enumerate() {
            for place in 0..one.entries.len() {
                let mixed = one.with(|entries| entries[place] = entry.clone());
                attacks.push(Attack::new(format!("{what}'s entry {index} in place of {place}"), mixed));
            }
        }
        for cut in 0..=one.entries.len() {
            let mixed = one.with(|entries| {
                entries.truncate(cut);
                entries.extend(other.entries.iter().skip(cut).cloned());
            });
            attacks.push(Attack::new(format!("{what} from entry {cut} on"), mixed));
        }
        for index in 0..one.entries.len().min(other.entries.len()) {
            let replacement = Entry::file(&one.entries[index].name(), other.entries[index].payload());
            attacks.push(Attack::new(
                format!("{what}'s content in entry {index}"),
                one.with(|entries| entries[index] = replacement),
            ));
        }
    }
    for block in 1..harness.bytes.len().min(harness.later.len()) / 512 {
        let (head, tail) = (&harness.bytes[..block * 512], &harness.later[block * 512..]);
        attacks.push(Attack::new(format!("1.1 up to block {block}, then 1.2"), [head, tail].concat()));
        let (head, tail) = (&harness.later[..block * 512], &harness.bytes[block * 512..]);
        attacks.push(Attack::new(format!("1.2 up to block {block}, then 1.1"), [head, tail].concat()));
    }
    harness.refuses(&Kind::listed("mixes of two bundles", attacks))
}

/// What the host holds already is hashed there, and not read from the media again: what stands there instead is never seen.
#[test]
fn a_blob_that_the_host_holds_is_not_taken_from_the_media() -> Result<()> {
    let (_turn, mut harness) = (Harness::turn(), Harness::new()?);
    let shared = SmallRelease::new("1.0.0", 1)?;
    let (digest, content) = shared.blobs().first_key_value().context("no blob")?;
    let file = shared.release.files.iter().find(|file| file.blob == *digest).context("the blob is no file's")?;
    let plain = zstd::decode_all(content.as_slice())?;
    ensure!(Digest::of(&plain) == file.digest, "the blob does not hold the file");
    let mut release = harness.release.clone();
    release.file("docs/shared.txt", "0644", &plain)?;
    harness.attack(release.pack(&harness.key)?)?;
    let archive = harness.archive()?;
    let entry = archive.entries.iter().position(|entry| entry.name() == archive::blob_name(digest)).context("gone")?;
    let changed = archive.with(|entries| entries[entry].content[0] ^= 1);
    let (plain, other) = (harness.updated("plain", &harness.bytes)?, harness.updated("changed", &changed)?);
    let difference = plain.difference(&other);
    ensure!(difference.is_empty(), "the media's bytes count:\n{difference}");
    Ok(())
}

/// `update` and `install` have nothing to do, and look at no more than the manifest.
#[test]
fn a_damaged_bundle_of_what_is_installed_changes_nothing() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let host = harness.host_with("installed-already", &harness.bytes)?;
    let before = host.snapshot()?;
    let bundle = harness.put("damaged", &harness.archive()?.with(|entries| entries.truncate(4)))?;
    host.verify(&bundle).run()?.exits(3)?;
    for command in [host.update(&bundle), host.install(&bundle, &harness.key.public_key().to_line())] {
        let output = command.run()?.exits(0)?;
        ensure!(output.stdout.contains("nothing to do"), "{}", output.text());
        let difference = before.difference(&host.snapshot()?);
        ensure!(difference.is_empty(), "{}\n{difference}", output.line);
    }
    Ok(())
}
