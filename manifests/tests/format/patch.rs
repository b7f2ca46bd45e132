//! A patch holds what was asked for, is verified like a bundle, and is distinguished from one.

use crate::fixture::{blobs, bundle, read, release, trusted};
use landfall_keys::{SecretKey, TrustedKeys};
use landfall_manifests::repair::{RepairRequest, RequestedBlobs};
use landfall_manifests::{Bundle, Digest, Entry, Head, ReadError, Release, Signed, WriteError, Writer, archive, patch};
use std::collections::BTreeSet;
use std::io;

/// The files of the image layout: `oci-layout`, `index.json`, `manifest.json`.
const LAYOUT: usize = 3;

/// The patch that holds the blobs with these indices.
fn patch_of(release: Release, key: &SecretKey, indices: &[usize]) -> Vec<u8> {
    let signed = Signed::new(release, std::slice::from_ref(key)).unwrap();
    let held: Vec<Vec<u8>> = indices.iter().map(|index| blobs()[*index].clone()).collect();
    let digests: BTreeSet<Digest> = held.iter().map(|content| Digest::of(content)).collect();
    let mut writer = Writer::begin_patch(Vec::new(), &signed, &digests).unwrap();
    for content in held {
        writer.blob(Digest::of(&content), &mut content.as_slice()).unwrap();
    }
    writer.finish().unwrap()
}

/// Reads as `pread(2)` does.
fn read_at(bytes: &[u8]) -> impl FnMut(u64, &mut [u8]) -> io::Result<usize> + '_ {
    |offset, buffer| {
        let mut rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        io::Read::read(&mut rest, buffer)
    }
}

fn opened(bytes: &[u8], trusted: &TrustedKeys) -> Result<Bundle, ReadError> {
    Head::read(&mut &*bytes)?.verify(trusted)
}

/// Reads a whole patch as an installer does.
fn read_patch(bytes: &[u8], trusted: &TrustedKeys) -> Result<Vec<(Entry, Vec<u8>)>, ReadError> {
    read_entries(&opened(bytes, trusted)?, bytes)
}

fn read_entries(bundle: &Bundle, bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, ReadError> {
    let held = patch::entries(bundle, read_at(bytes))?;
    let content = held.into_iter().map(|entry| {
        let mut content = Vec::new();
        let from = usize::try_from(entry.offset).unwrap();
        entry.read(&mut bytes.get(from..).unwrap_or_default(), &mut content).map(|()| (entry, content))
    });
    content.collect()
}

#[test]
fn holds_the_blobs_that_were_asked_for_and_no_others() {
    let key = SecretKey::generate().unwrap();
    for indices in [&[][..], &[0], &[4], &[1, 3], &[0, 1, 2, 3, 4]] {
        let bytes = patch_of(release(&key), &key, indices);
        let held = read_patch(&bytes, &trusted(&key)).unwrap();
        assert!(held[..LAYOUT].iter().all(|(entry, _)| !entry.is_blob));
        let content: Vec<Vec<u8>> = held.into_iter().skip(LAYOUT).map(|(_, content)| content).collect();
        assert_eq!(content, indices.iter().map(|index| blobs()[*index].clone()).collect::<Vec<_>>(), "{indices:?}");
    }
    let whole = patch_of(release(&key), &key, &[0, 1, 2, 3, 4]);
    assert!(whole == bundle(release(&key), std::slice::from_ref(&key)), "a patch with all blobs is the bundle");
}

#[test]
fn refuses_every_single_byte_change_and_every_other_length() {
    let key = SecretKey::generate().unwrap();
    let trusted = trusted(&key);
    let bytes = patch_of(release(&key), &key, &[1, 3]);
    let bundle = opened(&bytes, &trusted).unwrap();
    // What stands before it is read as in a bundle, whose own test changes it.
    let head_end = usize::try_from(bundle.entries()[0].offset).unwrap();
    for offset in head_end..bytes.len() {
        for change in [0x01, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[offset] ^= change;
            assert!(read_entries(&bundle, &changed).is_err(), "offset {offset} ^ {change:#x}");
        }
    }
    for length in head_end..bytes.len() {
        assert!(read_entries(&bundle, &bytes[..length]).is_err(), "{length} bytes");
    }
    for extra in [vec![0], vec![0; 512], archive::header("extra", 0).to_vec()] {
        let longer = [bytes.as_slice(), &extra].concat();
        assert!(matches!(read_patch(&longer, &trusted), Err(ReadError::Trailing { .. })));
    }
}

#[test]
fn refuses_blobs_that_are_doubled_swapped_or_in_place_of_the_layout() {
    let key = SecretKey::generate().unwrap();
    let trusted = trusted(&key);
    let bytes = patch_of(release(&key), &key, &[1, 3]);
    let held = patch::entries(&opened(&bytes, &trusted).unwrap(), read_at(&bytes)).unwrap();
    let cut = |entry: &Entry| {
        let start = usize::try_from(entry.offset).unwrap();
        bytes[start..start + usize::try_from(entry.archive_bytes()).unwrap()].to_vec()
    };
    let [layout, index, saved, first, second] = [0, 1, 2, 3, 4].map(|at| cut(&held[at]));
    let before = bytes[..usize::try_from(held[0].offset).unwrap()].to_vec();
    let end = vec![0; 1024];
    let joined =
        |entries: &[&Vec<u8>]| [&[&before], entries, &[&end]].concat().into_iter().flatten().copied().collect();
    let whole: Vec<u8> = joined(&[&layout, &index, &saved, &first, &second]);
    assert!(whole == bytes);
    let stranger = [archive::header(&archive::blob_name(&Digest::of(b"x")), 1).to_vec(), vec![0; 512]].concat();
    for entries in [
        &[&layout, &index, &saved, &second, &first][..],
        &[&layout, &index, &saved, &first, &first, &second],
        &[&layout, &index, &saved, &first, &stranger],
        &[&index, &layout, &saved, &first, &second],
        &[&layout, &saved, &index, &first, &second],
        &[&layout, &index, &first, &second],
        &[&layout, &first, &second],
        &[&layout, &index],
        &[&layout, &index, &index, &saved, &first, &second],
    ] {
        let bytes: Vec<u8> = joined(entries);
        assert!(read_patch(&bytes, &trusted).is_err(), "{} entries", entries.len());
    }
}

#[test]
fn is_distinguished_from_a_bundle() {
    let key = SecretKey::generate().unwrap();
    let trusted = trusted(&key);
    for (indices, held) in [(&[][..], 0), (&[0, 1], 2), (&[2, 4], 2), (&[1, 2, 3, 4], 4)] {
        let bytes = patch_of(release(&key), &key, indices);
        let error = read(&bytes, &trusted).unwrap_err();
        let found = patch::recognize_patch(error, &opened(&bytes, &trusted).unwrap(), read_at(&bytes));
        let expected = format!(
            "this is a patch that holds {held} of 5 blobs: give it with --patch, together with the damaged bundle"
        );
        assert_eq!(found.to_string(), expected);
    }
    let mut damaged = bundle(release(&key), std::slice::from_ref(&key));
    let opened = opened(&damaged, &trusted).unwrap();
    let place = usize::try_from(opened.entries()[LAYOUT + 1].offset).unwrap();
    damaged[place] ^= 1;
    let found = patch::recognize_patch(read(&damaged, &trusted).unwrap_err(), &opened, read_at(&damaged));
    assert!(matches!(found, ReadError::Header { offset, .. } if offset == place as u64), "{found}");
}

#[test]
fn a_patch_of_another_release_is_refused() {
    let key = SecretKey::generate().unwrap();
    let trusted = trusted(&key);
    let mut other = release(&key);
    other.serial = 13.try_into().unwrap();
    other.blobs.retain(|blob| blob.digest != Digest::of(&[]));
    other.images[0].layers.pop();
    other.layout = other.computed_layout();
    let ours = opened(&bundle(release(&key), std::slice::from_ref(&key)), &trusted).unwrap();
    let theirs = patch_of(other, &key, &[3]);
    assert!(opened(&theirs, &trusted).unwrap().manifest() != ours.manifest(), "the manifests tell them apart");
    let own = patch_of(release(&key), &key, &[4]);
    let their_bundle = opened(&theirs, &trusted).unwrap();
    assert!(matches!(patch::entries(&their_bundle, read_at(&own)), Err(ReadError::NotInManifest { .. })));
}

#[test]
fn only_blobs_of_the_manifest_are_packed() {
    let key = SecretKey::generate().unwrap();
    let signed = Signed::new(release(&key), std::slice::from_ref(&key)).unwrap();
    let stranger = Digest::of(b"stranger");
    let begun = Writer::begin_patch(io::sink(), &signed, &BTreeSet::from([stranger]));
    assert!(matches!(begun, Err(WriteError::Unlisted(digest)) if digest == stranger));
    let one = BTreeSet::from([Digest::of(b"file")]);
    assert!(matches!(
        Writer::begin_patch(io::sink(), &signed, &one).unwrap().finish(),
        Err(WriteError::Missing(digest)) if one.contains(&digest)
    ));
}

#[test]
fn a_request_names_the_damaged_blobs_in_the_manifests_order() {
    let key = SecretKey::generate().unwrap();
    let bundle = opened(&bundle(release(&key), std::slice::from_ref(&key)), &trusted(&key)).unwrap();
    let listed: Vec<Digest> = bundle.release().blobs.iter().map(|blob| blob.digest).collect();
    let damaged: BTreeSet<Digest> = [listed[3], listed[1], Digest::of(b"oci-layout")].into();
    let RepairRequest::Release(RequestedBlobs { manifest, blobs, serial, .. }) = RepairRequest::of(&bundle, &damaged)
    else {
        panic!("the release is known");
    };
    assert_eq!((blobs, serial), (vec![listed[1], listed[3]], bundle.release().serial));
    assert_eq!(manifest, Digest::of(bundle.manifest()));
    assert_eq!(bundle.release().users_of(&listed[3]), ["image hello"]);
    assert_eq!(bundle.release().users_of(&listed[0]), ["file docs/readme"]);
}
