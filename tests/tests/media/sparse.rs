//! Sizes at which counters of 31, 32 and 33 bits end: bundles and blobs of holes, in files that take no room.

use anyhow::{Context as _, Result, ensure};
use landfall_keys::SecretKey;
use landfall_manifests::{Blob, Digest, Hasher, Release, Signed, Writer, archive};
use landfall_tests::{Command, JsonOutcome, Scratch, SmallRelease, tell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::time::Instant;

const GIB: u64 = 1 << 30;
const CHUNK: usize = 1 << 20;

/// The digests of so many zeros each, in one pass over the longest of them.
fn digests(mut lengths: Vec<u64>) -> Result<BTreeMap<u64, Digest>> {
    lengths.sort_unstable();
    let (mut hasher, mut taken_in, mut digests) = (Hasher::default(), 0, BTreeMap::new());
    let zeros = vec![0; CHUNK];
    for length in lengths {
        while taken_in < length {
            let step = usize::try_from(length - taken_in)?.min(CHUNK);
            hasher.update(&zeros[..step]);
            taken_in += step as u64;
        }
        digests.insert(length, hasher.clone().finish());
    }
    Ok(digests)
}

/// A release with blobs of zeros, which stand in its bundle in the given order, before all others.
struct Sparse {
    small: SmallRelease,
    zeros: Vec<Blob>,
    key: SecretKey,
}

impl Sparse {
    fn new(sizes: &[u64], digests: &BTreeMap<u64, Digest>) -> Result<Self> {
        let mut small = SmallRelease::new("1.0.0", 1)?;
        for size in sizes {
            small.list(&format!("docs/{size}"), "0644", b"never unfolded", digests[size])?;
        }
        let zeros = sizes.iter().map(|size| Blob { digest: digests[size], size: *size }).collect();
        Ok(Self { small, zeros, key: SecretKey::generate()? })
    }

    fn release(&self) -> Release {
        let mut release = self.small.named(&[&self.key]);
        release.blobs.splice(0..0, self.zeros.clone());
        release
    }

    /// The bundle, whose zeros are holes.
    fn write(&self, path: &Path) -> Result<Vec<Entry>> {
        let signed = Signed::new(self.release(), std::slice::from_ref(&self.key))?;
        let mut writer = Writer::begin(File::create_new(path)?, &signed)?;
        let mut entries = Vec::new();
        for Blob { digest, size } in &signed.release().blobs {
            let content = self.small.blobs().get(digest);
            let mut begin = 0;
            writer.blob_unchecked(*digest, |file, size| {
                begin = file.stream_position()?;
                match content {
                    Some(content) => std::io::copy(&mut content.as_slice(), file),
                    None => {
                        file.seek(SeekFrom::Current(i64::try_from(size).map_err(std::io::Error::other)?)).map(|_| size)
                    }
                }
            })?;
            entries.push(Entry { digest: *digest, begin, size: *size });
        }
        writer.finish()?;
        Ok(entries)
    }

    fn verify(&self, scratch: &Scratch, bundle: &Path) -> Result<JsonOutcome> {
        let host = scratch.host("host")?;
        JsonOutcome::of(host.verify(bundle).args(["--trust", &self.key.public_key().to_line()]))
    }
}

/// Where a blob's content begins, and its size.
#[derive(Debug, Clone, Copy)]
struct Entry {
    digest: Digest,
    begin: u64,
    size: u64,
}

impl Entry {
    fn name(&self) -> String {
        archive::blob_name(&self.digest)
    }
}

/// The bundle is taken; with one bit flipped at each of `places` it is refused, and the message says what is expected.
fn holds(scratch: &Scratch, sparse: &Sparse, bundle: &Path, places: &[(u64, String)]) -> Result<()> {
    let start = Instant::now();
    let about = std::fs::metadata(bundle)?;
    ensure!(about.blocks() * 512 < 1 << 20, "{} takes {} blocks", bundle.display(), about.blocks());
    let outcome = sparse.verify(scratch, bundle)?;
    ensure!(outcome.exit == 0, "{} bytes: {outcome:?}", about.len());
    let file = File::options().read(true).write(true).open(bundle)?;
    for (place, says) in places {
        let mut byte = [0];
        file.read_exact_at(&mut byte, *place)?;
        file.write_all_at(&[byte[0] ^ 1], *place)?;
        let outcome = sparse.verify(scratch, bundle)?;
        file.write_all_at(&byte, *place)?;
        let is_reported = outcome.exit == 3 && outcome.message.contains(says);
        ensure!(is_reported, "bit flipped at {place} of {}: expected {says:?}: {outcome:?}", about.len());
    }
    let (size, flips, seconds) = (about.len(), places.len(), start.elapsed().as_secs_f64());
    tell(format_args!("sparse: {size} bytes verified, and refused with {flips} bits flipped, in {seconds:.1} s"));
    Ok(())
}

/// A bundle is a multiple of 512 bytes: one block less, none and one more are as near as it comes to a border.
#[test]
fn bundles_around_2_and_4_gib_verify_and_a_flipped_bit_behind_the_border_is_named() -> Result<()> {
    let scratch = Scratch::new()?;
    let overhead = overhead()?;
    let totals: Vec<u64> = [2 * GIB, 4 * GIB].iter().flat_map(|border| [border - 512, *border, border + 512]).collect();
    let digests = digests(totals.iter().map(|total| total - overhead).collect())?;
    for total in totals {
        let bundle = scratch.path(&total.to_string());
        let sparse = Sparse::new(&[total - overhead], &digests)?;
        sparse.write(&bundle)?;
        let size = std::fs::metadata(&bundle)?.len();
        ensure!(size == total, "the bundle has {size} bytes, not {total}");
        // Two blocks of zeros end it.
        let places: &[u64] = if total % GIB == 512 { &[total - 1] } else { &[] };
        let places: Vec<_> =
            places.iter().map(|at| (*at, format!("offset {at}: the bundle goes on after its last entry"))).collect();
        holds(&scratch, &sparse, &bundle, &places)?;
        std::fs::remove_file(&bundle)?;
    }
    Ok(())
}

/// What a bundle has besides one blob of zeros, whose size has ten digits and fills its blocks.
fn overhead() -> Result<u64> {
    let (scratch, size) = (Scratch::new()?, 2 * GIB);
    let path = scratch.path("overhead");
    Sparse::new(&[size], &[(size, Digest::of(b"not needed"))].into())?.write(&path)?;
    Ok(std::fs::metadata(path)?.len() - size)
}

/// Three blobs around a border, each an entry that begins or ends beyond it.
#[test]
fn blobs_around_2_and_4_gib_verify_and_a_flipped_bit_behind_them_is_named() -> Result<()> {
    let scratch = Scratch::new()?;
    for border in [2 * GIB, 4 * GIB] {
        let sizes = [border - 1, border, border + 1];
        let sparse = Sparse::new(&sizes, &digests(sizes.to_vec())?)?;
        let bundle = scratch.path(&border.to_string());
        let entries = sparse.write(&bundle)?;
        read_by_tar(&bundle, &entries)?;
        // The padding behind the first of them lies across the border.
        let first = entries[0].begin + entries[0].size;
        let message = format!("offset {first}, in blob {}", entries[0].digest);
        holds(&scratch, &sparse, &bundle, &[(first, message)])?;
        std::fs::remove_file(&bundle)?;
    }
    Ok(())
}

/// A size that eleven octal digits cannot say.
#[test]
fn a_blob_of_more_than_8_gib_verifies_and_a_flipped_bit_in_and_behind_it_is_named() -> Result<()> {
    let scratch = Scratch::new()?;
    let size = 8 * GIB + 1;
    let sparse = Sparse::new(&[size], &digests(vec![size])?)?;
    let bundle = scratch.path("bundle");
    let entries = sparse.write(&bundle)?;
    read_by_tar(&bundle, &entries)?;
    let (large, next) = (entries[0], entries[1]);
    let last = large.begin + size - 1;
    let content = format!("offset {}, in blob {}", large.begin, large.digest);
    let header = next.begin - 512 + 130;
    let behind = format!("offset {header}, in blob {}", next.digest);
    holds(&scratch, &sparse, &bundle, &[(last, content), (header, behind)])
}

/// tar(1) sees the same names and sizes.
fn read_by_tar(bundle: &Path, entries: &[Entry]) -> Result<()> {
    let listed = Command::new("tar").args(["--list", "--verbose", "--file"]).arg(bundle).ok()?;
    for entry in entries {
        let (size, name) = (format!(" {} ", entry.size), entry.name());
        let line = listed.lines().find(|line| line.ends_with(&name)).with_context(|| format!("tar lists no {name}"))?;
        ensure!(line.contains(&size), "tar lists {line}, and it has {size} bytes");
    }
    Ok(())
}
