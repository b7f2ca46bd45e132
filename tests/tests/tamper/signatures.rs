//! Signatures that are missing, too many, somebody else's or made to look like somebody's.

use crate::attack::{Attack, Kind};
use crate::harness::Harness;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall_keys::{KeyId, SecretKey};
use landfall_manifests::{Signed, archive, limits};
use landfall_tests::tar::{Archive, Entry};

/// Where the manifest's first signature stands.
const AT: usize = 1;

#[test]
fn refuses_signatures_that_are_foreign_forged_doubled_renamed_or_too_many() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let archive = harness.archive()?;
    let stranger = SecretKey::generate()?;
    let theirs = signature_by(&stranger, &archive)?;
    let (ours, id) = (archive.entries[AT].clone(), harness.key.id());
    let text = String::from_utf8(ours.payload().to_vec())?;
    let instead = |entry: Entry| archive.with(|entries| entries[AT] = entry);
    let besides = |at: usize, entry: Entry| archive.with(|entries| entries.insert(at, entry));
    let ours_with = |text: String| instead(Entry::file(&ours.name(), text.as_bytes()));
    let name_of = |id: &str| archive::signature_name(id);
    let attacks = vec![
        Attack::new("none", archive.with(|entries| drop(entries.remove(AT)))),
        Attack::new("a stranger's instead", instead(theirs.clone())),
        Attack::new("a stranger's under our name", instead(theirs.named(&ours.name()))),
        Attack::new("a stranger's that claims our id", instead(forged(&theirs, id)?)),
        Attack::new("ours, and a stranger's that claims our id", besides(AT + 1, forged(&theirs, id)?)),
        Attack::new("ours under a stranger's name", instead(ours.named(&theirs.name()))),
        Attack::new("ours twice", besides(AT, ours.clone())),
        Attack::new("ours twice, once under a stranger's name", besides(AT + 1, ours.named(&theirs.name()))),
        Attack::new(
            "ours under a lower-case id",
            instead(ours.named(&ours.name().replace(&id.to_string(), &id.to_string().to_lowercase()))),
        ),
        Attack::new("ours under a short id", instead(ours.named(&name_of(&id.to_string()[1..])))),
        Attack::new("ours under minisign's usual name", instead(ours.named("landfall.json.minisig"))),
        Attack::new("ours behind the layout", archive.with(|entries| entries.swap(AT, AT + 1))),
        Attack::new("ours, empty", ours_with(String::new())),
        Attack::new("ours with other line ends", ours_with(text.replace('\n', "\r\n"))),
        Attack::new("ours with another first comment", ours_with(text.replace("signature from", "Signature from"))),
        Attack::new("ours with another trusted comment", ours_with(text.replace("serial=2", "serial=3"))),
        Attack::new("ours without its last line", ours_with(text.split_inclusive('\n').take(3).collect())),
        Attack::new("ours with a line more", ours_with(format!("{text}more\n"))),
        Attack::new("ours in the legacy format", instead(with_body(&ours, |body| body[1] = b'd')?)),
        Attack::new("ours of more than 4 KiB", ours_with(format!("{text}{}", " ".repeat(4096)))),
        Attack::new("seventeen", crowd(&archive, limits::SIGNATURES)?),
        Attack::new("out of order", out_of_order(&archive)?),
    ];
    harness.refuses(&Kind::listed("signatures", attacks))
}

/// The signature over the bundle's manifest that somebody else makes.
fn signature_by(key: &SecretKey, archive: &Archive) -> Result<Entry> {
    let signature = key.sign(archive.entries[0].payload(), "product=acme version=1.1.0 serial=2")?;
    Ok(Entry::file(&archive::signature_name(&key.id().to_string()), signature.to_file().as_bytes()))
}

/// The same signature, which says that the key `id` made it.
fn forged(signature: &Entry, id: KeyId) -> Result<Entry> {
    let forged = with_body(signature, |body| body[2..10].copy_from_slice(&id.to_bytes()))?;
    Ok(forged.named(&archive::signature_name(&id.to_string())))
}

fn with_body(signature: &Entry, change: impl FnOnce(&mut Vec<u8>)) -> Result<Entry> {
    let text = String::from_utf8(signature.payload().to_vec())?;
    let body = text.lines().nth(1).context("a signature has a second line")?;
    let mut bytes = STANDARD.decode(body)?;
    change(&mut bytes);
    Ok(Entry::file(&signature.name(), text.replace(body, &STANDARD.encode(bytes)).as_bytes()))
}

/// Ours among those of `count` strangers, in order.
fn crowd(archive: &Archive, count: usize) -> Result<Vec<u8>> {
    let mut all = vec![archive.entries[AT].clone()];
    for _ in 0..count {
        all.push(signature_by(&SecretKey::generate()?, archive)?);
    }
    all.sort_by_key(Entry::name);
    Ok(archive.with(|entries| drop(entries.splice(AT..=AT, all))))
}

fn out_of_order(archive: &Archive) -> Result<Vec<u8>> {
    let mut both = [archive.entries[AT].clone(), signature_by(&SecretKey::generate()?, archive)?];
    both.sort_by_key(|entry| std::cmp::Reverse(entry.name()));
    Ok(archive.with(|entries| drop(entries.splice(AT..=AT, both))))
}

#[test]
fn refuses_every_changed_byte_of_a_co_signature_by_a_key_that_the_release_names() -> Result<()> {
    let (_turn, mut harness) = (Harness::turn(), Harness::new()?);
    let second = SecretKey::generate()?;
    let mut signed = Signed::new(harness.release.named(&[&harness.key, &second]), std::slice::from_ref(&harness.key))?;
    signed.add(&second)?;
    harness.attack(harness.release.write(&signed)?)?;
    let archive = harness.archive()?;
    let name = archive::signature_name(&second.id().to_string());
    let index = archive.entries.iter().position(|entry| entry.name() == name).context("no co-signature")?;
    let begin = archive.offsets()[index];
    let count = 512 + archive.entries[index].content.len();
    harness.refuses(&Kind::new("bytes of a co-signature", count * 2, |case| {
        let mut bytes = harness.bytes.clone();
        bytes[begin + case / 2] ^= if case % 2 == 0 { 1 } else { 0x80 };
        Attack::new(format!("byte {} of the co-signature", case / 2), bytes)
    }))
}

/// The Update Framework calls it "unused signatures": a bundle may be signed for several hosts, each with keys of its own.
#[test]
fn a_signature_for_other_hosts_is_ignored_and_changes_nothing() -> Result<()> {
    let (_turn, harness) = (Harness::turn(), Harness::new()?);
    let archive = harness.archive()?;
    let theirs = signature_by(&SecretKey::generate()?, &archive)?;
    let mut both = [archive.entries[AT].clone(), theirs.clone()];
    both.sort_by_key(Entry::name);
    let co_signed = archive.with(|entries| drop(entries.splice(AT..=AT, both)));
    let difference = harness.updated("plain", &harness.bytes)?.difference(&harness.updated("co-signed", &co_signed)?);
    let added: Vec<&str> = difference.lines().collect();
    ensure!(added.len() == 1 && added[0].starts_with("+ ") && added[0].contains(&theirs.name()), "{difference}");
    Ok(())
}
