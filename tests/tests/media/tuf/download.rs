//! Content that is not what was signed, and content that was signed wrong: after `test_file_download.py`.

use super::publisher::{Publisher, signature_entry};
use anyhow::{Context as _, Result, ensure};
use landfall_manifests::{Blob, Digest, Signed, archive};
use landfall_tests::SmallRelease;
use landfall_tests::tar::{Archive, Entry};
use std::path::PathBuf;

/// A bundle whose blob `digest` is `content` on the media.
fn with_blob(publisher: &Publisher, name: &str, digest: Digest, content: &[u8]) -> Result<PathBuf> {
    let mut archive = Archive::parse(&SmallRelease::new("1.0.0", 1)?.pack(&publisher.keys[0])?)?;
    let blob_name = archive::blob_name(&digest);
    let blob = archive.entries.iter_mut().find(|entry| entry.name() == blob_name).context("no such blob")?;
    *blob = Entry::file(&blob_name, content);
    publisher.scratch.put(name, &archive.bytes())
}

/// Each blob in turn, with another content of the same size: the wrong hash.
#[test]
fn repository_substitutes_target_file() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.scratch.host("host")?;
    for (digest, blob) in SmallRelease::new("1.0.0", 1)?.blobs() {
        let bundle = with_blob(&publisher, "bundle", *digest, &vec![b'x'; blob.len()])?;
        let message = host.refuses(host.install(&bundle, &publisher.key(0)), 3, "damaged")?;
        ensure!(message.contains(&digest.hex()), "the blob is not named: {message}");
    }
    Ok(())
}

/// Each blob in turn, one byte longer, one byte shorter, and empty: the wrong length, under headers that are right for it.
#[test]
fn client_downloads_a_file_of_the_wrong_length() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.scratch.host("host")?;
    for (digest, blob) in SmallRelease::new("1.0.0", 1)?.blobs() {
        let longer = [blob.as_slice(), b"x"].concat();
        for content in [&longer, &blob[..blob.len() - 1], &[]] {
            let bundle = with_blob(&publisher, "bundle", *digest, content)?;
            host.refuses(host.install(&bundle, &publisher.key(0)), 3, "damaged")?;
        }
    }
    let release = SmallRelease::new("1.0.0", 1)?;
    let (digest, untouched) = release.blobs().first_key_value().context("no blob")?;
    let bundle = with_blob(&publisher, "bundle", *digest, untouched)?;
    host.install(&bundle, &publisher.key(0)).ok().context("the untouched bundle").map(drop)
}

/// One content after the other for the same release, on a host that has seen them all: what is installed stays what was signed.
#[test]
fn multiple_changes_to_target() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    for serial in 2..6 {
        let mut next = SmallRelease::new(&format!("1.{serial}.0"), serial)?;
        next.file("docs/news.txt", "0644", format!("news of {serial}").as_bytes())?;
        let good = next.pack(&publisher.keys[0])?;
        let mut bad = good.clone();
        let last = bad.len() - 1024 - 512;
        bad[last] ^= 1;
        let bad = publisher.scratch.put("bad.tar", &bad)?;
        host.refuses(host.update(&bad), 3, "damaged")?;
        host.update(&publisher.scratch.put("good.tar", &good)?).ok()?;
        let news = std::fs::read_to_string(host.path("opt/landfall/current/docs/news.txt"))?;
        ensure!(news == format!("news of {serial}"), "{news:?}");
    }
    Ok(())
}

/// A publisher whose own record of a file is wrong: signed, whole, and refused when the file is unfolded.
#[test]
fn new_targets_hash_mismatch() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    for wrong in ["digest", "size"] {
        let mut next = SmallRelease::new("1.1.0", 2)?;
        let file = next.release.files.first_mut().context("no file")?;
        match wrong {
            "digest" => file.digest = Digest::of(b"something else"),
            _ => file.size += 1,
        }
        let bundle = publisher.pack(&next)?;
        host.verify(&bundle).ok().context("every byte of the bundle is what was signed")?;
        host.refuses(host.update(&bundle), 7, "reverted")
            .or_else(|_| host.refuses(host.update(&bundle), 3, "damaged"))?;
    }
    Ok(())
}

/// A manifest that contradicts itself, whoever signed it.
#[test]
fn new_targets_version_mismatch() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let (host, key) = (publisher.scratch.host("host")?, &publisher.keys[0]);
    let release = SmallRelease::new("1.0.0", 1)?;
    let mut listed = release.named(&[key]);
    listed.blobs.push(Blob { digest: Digest::of(b"stray"), size: 5 });
    ensure!(Signed::new(listed.clone(), std::slice::from_ref(key)).is_err(), "our own writer signs it");
    let bytes = listed.to_json();
    let signature = key.sign(&bytes, &listed.trusted_comment())?;
    let head =
        [Entry::file(archive::MANIFEST_NAME, &bytes), signature_entry(&signature), Entry::file("oci-layout", b"")];
    let bundle = Archive::of(head.to_vec()).bytes();
    let bundle = publisher.scratch.put("bundle", &bundle)?;
    host.refuses(host.install(&bundle, &publisher.key(0)), 3, "damaged").map(drop)
}
