//! A whole bundle, as it comes from a stick, on a host that trusts its signer.

use crate::key::{KEY, trusted};
use crate::sample::{Sample, signed};
use crate::{ReadOutcome, Target, none};
use landfall_manifests::{Bundle, Digest, Head, ReadError, Release, Writer, archive};
use std::io::{self, Read};
use std::ops::Range;

/// A bundle that is read to its end is, byte for byte, the one that would be written. How it is cut into reads does not
/// matter.
pub(crate) const TARGET: Target = Target { name: "archive", read, seeds, findings: none, mutate: Some(mutated) };

/// A bundle that is read in one go as well as in pieces of this many bytes, in bytes.
const TRICKLED_BYTES: usize = 16 << 10;
const TRICKLE: usize = 500;

fn read(input: &[u8]) -> ReadOutcome {
    let found = whole(&mut &input[..]);
    if input.len() <= TRICKLED_BYTES {
        let trickled = whole(&mut Trickle(input));
        assert_eq!(found.as_ref().err().map(ToString::to_string), trickled.err().map(|error| error.to_string()));
    }
    if let Ok((bundle, blobs)) = &found {
        assert_eq!(bundle.size(), input.len() as u64);
        assert!(written(input, blobs).is_some_and(|written| written == input), "a byte of the bundle is free");
    }
    ReadOutcome::from(found)
}

/// Reads a bundle as an installer does, and gives the content of its blobs.
fn whole(source: &mut impl Read) -> Result<(Bundle, Vec<Vec<u8>>), ReadError> {
    let head = Head::read(source)?;
    let (offered, signers) = (head.offered_keys(), head.signers());
    assert!(offered.iter().all(|key| signers.contains(&key.id().to_string())));
    let bundle = head.verify(&trusted())?;
    let mut blobs = Vec::new();
    for (index, entry) in bundle.entries().iter().enumerate() {
        let mut content = Vec::new();
        match index {
            0 => entry.read_content(source, &mut content)?,
            _ => entry.read(source, &mut content)?,
        }
        if entry.is_blob {
            blobs.push(content);
        }
    }
    bundle.check_end(source)?;
    Ok((bundle, blobs))
}

/// The bundle that has the head of `input` and these blobs.
fn written(input: &[u8], blobs: &[Vec<u8>]) -> Option<Vec<u8>> {
    let signed = Head::read(&mut &input[..]).ok()?.into_signed_without_verifying().ok()?;
    let mut writer = Writer::begin(Vec::new(), &signed).ok()?;
    for blob in blobs {
        writer.blob(Digest::of(blob), &mut blob.as_slice()).ok()?;
    }
    writer.finish().ok()
}

/// Gives a few bytes at a time, and none before it is asked again.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(TRICKLE);
        self.0.read(&mut buffer[..most])
    }
}

fn seeds() -> Vec<Vec<u8>> {
    Sample::all().iter().map(Sample::bundle).collect()
}

/// Changes a bundle by `mutate`, as a whole or, three times out of four, one of its pieces only: what stands before the piece
/// is then signed and written anew, so that the reader goes on to it.
pub(crate) fn mutated(bundle: &[u8], rng: u32, mutate: &mut dyn FnMut(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let Some(pieces) = Pieces::of(bundle).filter(|_| !rng.is_multiple_of(4)) else { return mutate(bundle.to_vec()) };
    let (manifest, blobs) = (&bundle[pieces.manifest], &bundle[pieces.blobs..]);
    match rng % 4 {
        1 => with_head(&mutate(manifest.to_vec()), &bundle[pieces.layout..]),
        2 => {
            let manifest = mutate(manifest.to_vec());
            let whole = made_whole(&manifest).map(|head| [head.as_slice(), blobs].concat());
            whole.unwrap_or_else(|| with_head(&manifest, &bundle[pieces.layout..]))
        }
        _ => [&bundle[..pieces.blobs], &mutate(blobs.to_vec())].concat(),
    }
}

/// Where the parts of a bundle lie.
struct Pieces {
    manifest: Range<usize>,
    /// Where the signatures end.
    layout: usize,
    /// Where the layout's two files end.
    blobs: usize,
}

impl Pieces {
    fn of(bundle: &[u8]) -> Option<Self> {
        let manifest = content(bundle, 0)?;
        let mut layout = next(&manifest);
        while bundle.get(layout..)?.starts_with(archive::MANIFEST_NAME.as_bytes()) {
            layout = next(&content(bundle, layout)?);
        }
        let first = content(bundle, layout)?;
        let second = content(bundle, next(&first))?;
        let blobs = next(&second);
        bundle.get(blobs..)?;
        Some(Self { manifest, layout, blobs })
    }
}

/// Where the content of the entry at `at` lies, by the size that its header claims.
fn content(bundle: &[u8], at: usize) -> Option<Range<usize>> {
    let digits = std::str::from_utf8(bundle.get(at..at + 512)?.get(124..135)?).ok()?;
    let start = at + 512;
    let end = start.checked_add(usize::from_str_radix(digits, 8).ok()?)?;
    (end <= bundle.len()).then_some(start..end)
}

fn next(content: &Range<usize>) -> usize {
    content.end.next_multiple_of(512)
}

/// A manifest with a signature, and `rest` behind it.
fn with_head(manifest: &[u8], rest: &[u8]) -> Vec<u8> {
    let signature = KEY.sign(manifest, "").expect("an empty comment is valid");
    let mut bundle = Vec::new();
    let name = archive::signature_name(&signature.key_id().to_string());
    for (name, content) in [(archive::MANIFEST_NAME, manifest), (&name, signature.to_file().as_bytes())] {
        bundle.extend(archive::header(name, content.len() as u64));
        bundle.extend(content);
        bundle.resize(bundle.len().next_multiple_of(512), 0);
    }
    [bundle.as_slice(), rest].concat()
}

/// Everything before the blobs of the bundle of this manifest, if it is one but for what it says of the layout.
fn made_whole(manifest: &[u8]) -> Option<Vec<u8>> {
    let mut release: Release = serde_json::from_slice(manifest).ok()?;
    release.layout = release.computed_layout();
    let mut head = Vec::new();
    Writer::begin(&mut head, &signed(release)?).ok()?;
    Some(head)
}
