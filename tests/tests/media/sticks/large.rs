//! A bundle that FAT32 cannot hold in one file.

use super::fixtures::Fixtures;
use anyhow::{Context as _, Result, ensure};
use landfall_keys::SecretKey;
use landfall_manifests::{Blob, Signed, Writer};
use landfall_tests::{Capacity, HostileStick, SmallRelease, StickSpec, tell};
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Instant;

/// What makes the bundle larger than FAT's files, in bytes.
const ZEROS: u64 = 1 << 32;
/// Their digest, as `head -c 4294967296 /dev/zero | sha256sum` says it.
const DIGEST: &str = "sha256:8479e43911dc45e89f934fe48d01297e16f51d17aa561d4d1c216b1ae0fcddca";

/// A stick that counts as FAT, and on which zeros take no memory.
const STICK: StickSpec = StickSpec { size: 6 << 30, capacity: Capacity::Honest, fat: true };

/// Writes the bundle; its zeros are a hole in the file.
fn write(path: &Path, key: &SecretKey) -> Result<()> {
    let mut small = SmallRelease::new("1.1.0", 1)?;
    let digest = DIGEST.parse()?;
    small.list("docs/zeros", "0644", b"never unfolded", digest)?;
    let mut release = small.named(&[key]);
    release.blobs.insert(0, Blob { digest, size: ZEROS });
    let signed = Signed::new(release, std::slice::from_ref(key))?;
    let mut writer = Writer::begin(File::create_new(path)?, &signed)?;
    for blob in &signed.release().blobs {
        writer.blob_unchecked(blob.digest, |file, size| match small.blobs().get(&blob.digest) {
            Some(content) => io::copy(&mut content.as_slice(), file),
            None => file.seek(SeekFrom::Current(i64::try_from(size).map_err(io::Error::other)?)).map(|_| size),
        })?;
    }
    writer.finish().map(drop).context("write the bundle")
}

#[test]
fn a_bundle_larger_than_fat_takes_is_cut_and_verifies_from_the_stick() -> Result<()> {
    let start = Instant::now();
    let fixtures = Fixtures::new()?;
    let key = SecretKey::generate()?;
    let bundle = fixtures.folder.path().join("b.landfall.tar");
    write(&bundle, &key)?;
    let stick = HostileStick::plugged(STICK)?;
    let line = key.public_key().to_line();
    fixtures.media(&bundle, stick.folder(), &["--trust", &line])?.ok()?;
    let names = stick.names();
    ensure!(names.iter().filter(|name| name.contains(".part")).count() == 2, "{names:?}");
    let bundle = stick.folder().join(super::written::NAME);
    fixtures.bare("host")?.verify(&bundle).args(["--trust", &line]).ok()?;
    tell(format_args!("a bundle of over 4 GiB, cut, read back and verified in {:.0} s", start.elapsed().as_secs_f64()));
    Ok(())
}
