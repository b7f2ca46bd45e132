//! A patch: a bundle with some of its blobs, as it comes to a host that asked for them.

use crate::key::trusted;
use crate::sample::Sample;
use crate::{ReadOutcome, Target, archive, none};
use landfall_manifests::{Digest, Head, ReadError, Writer, patch};
use std::collections::BTreeSet;

/// A patch that is read to its end is, byte for byte, the one that would be written.
pub(crate) const TARGET: Target = Target { name: "patch", read, seeds, findings: none, mutate: Some(archive::mutated) };

fn read(input: &[u8]) -> ReadOutcome {
    let found = whole(input);
    if let Ok(blobs) = &found {
        assert!(of(input, blobs).is_some_and(|patch| patch == input), "a byte of the patch is free");
    }
    ReadOutcome::from(found)
}

/// The content of the blobs that the patch holds.
fn whole(input: &[u8]) -> Result<Vec<Vec<u8>>, ReadError> {
    let bundle = Head::read(&mut &input[..])?.verify(&trusted())?;
    let mut blobs = Vec::new();
    for entry in patch::entries(&bundle, |offset, buffer| Ok(read_at(input, offset, buffer)))? {
        let mut content = Vec::new();
        let mut source = usize::try_from(entry.offset).ok().and_then(|at| input.get(at..)).unwrap_or_default();
        entry.read(&mut source, &mut content)?;
        if entry.is_blob {
            blobs.push(content);
        }
    }
    Ok(blobs)
}

/// As `pread(2)`, a few bytes at a time.
fn read_at(input: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|at| input.get(at..)).unwrap_or_default();
    let read = rest.len().min(buffer.len()).min(300);
    buffer[..read].copy_from_slice(&rest[..read]);
    read
}

/// The patch that has the head of `input` and these blobs.
pub(crate) fn of(input: &[u8], blobs: &[Vec<u8>]) -> Option<Vec<u8>> {
    let signed = Head::read(&mut &input[..]).ok()?.into_signed_without_verifying().ok()?;
    let held: BTreeSet<Digest> = blobs.iter().map(|blob| Digest::of(blob)).collect();
    let mut writer = Writer::begin_patch(Vec::new(), &signed, &held).ok()?;
    for blob in blobs {
        writer.blob(Digest::of(blob), &mut blob.as_slice()).ok()?;
    }
    writer.finish().ok()
}

fn seeds() -> Vec<Vec<u8>> {
    let sample = Sample::with_image();
    let bundle = sample.bundle();
    let every_other: Vec<Vec<u8>> = sample.blobs.iter().step_by(2).cloned().collect();
    let patches = [Vec::new(), every_other, sample.blobs].map(|blobs| of(&bundle, &blobs).expect("a patch"));
    patches.to_vec()
}
