use super::*;

#[test]
fn what_a_patch_holds_is_read_from_it_and_its_headers_once() {
    let medium = Medium::new();
    medium.put("patch", &pack(&medium.signed, &medium.blobs, &[1]));
    let (media, bundle) = medium.open("bundle", Some("patch")).unwrap();
    let entries = bundle.entries();
    assert_eq!(media.patched_blobs(&bundle).collect::<Vec<_>>(), [entries[4].digest]);
    // The head and the layout of both, the patched blob in the bundle, the headers and the end of the patch.
    medium.overwrite("bundle", 0..entries[3].offset);
    medium.overwrite("bundle", entries[4].offset..entries[5].offset);
    let end = entries[5].offset + entries[5].archive_bytes();
    medium.overwrite("bundle", end..end + 1024);
    medium.overwrite("patch", 0..entries[0].content_offset());
    medium.overwrite("patch", entries[1].offset..entries[1].content_offset());
    medium.overwrite("patch", entries[2].offset..entries[2].content_offset());
    medium.overwrite("patch", entries[3].offset..entries[3].content_offset());
    let size = std::fs::metadata(medium.folder.path().join("patch")).unwrap().len();
    medium.overwrite("patch", size - 1024..size);
    assert_eq!(damage(&media, &bundle), Vec::<String>::new());
    medium.overwrite("patch", entries[3].content_offset()..entries[3].content_offset() + 1);
    assert_eq!(damage(&media, &bundle).len(), 1, "the blob comes from the patch");
    medium.overwrite("bundle", entries[3].content_offset()..entries[3].content_offset() + 1);
    assert_eq!(damage(&media, &bundle).len(), 2, "the others come from the bundle");
}

#[test]
fn a_patch_may_have_other_signatures_of_the_same_manifest() {
    let medium = Medium::new();
    let mut more = medium.signed.clone();
    more.add(&SecretKey::generate().unwrap()).unwrap();
    for (bundle, patch) in [(&medium.signed, &more), (&more, &medium.signed)] {
        let mut bytes = pack(bundle, &medium.blobs, &[0, 1, 2]);
        let head = Head::read(&mut bytes.as_slice()).unwrap().verify(&medium.trusted()).unwrap();
        let second_blob = head.entries().iter().filter(|entry| entry.is_blob).nth(1).unwrap();
        bytes[at(second_blob.content_offset())] ^= 1;
        medium.put("damaged", &bytes);
        medium.put("patch", &pack(patch, &medium.blobs, &[1]));
        let (media, bundle) = medium.open("damaged", None).unwrap();
        assert_eq!(damage(&media, &bundle).len(), 1);
        let (media, bundle) = medium.open("damaged", Some("patch")).unwrap();
        assert_eq!(damage(&media, &bundle), Vec::<String>::new());
    }
}

#[test]
fn what_follows_a_bundle_is_damage_with_a_patch_too_and_what_is_missing_is_not() {
    let medium = Medium::new();
    medium.put("patch", &pack(&medium.signed, &medium.blobs, &[]));
    let len = medium.bytes.len();
    for more in [1, 512, 100_000] {
        let longer = [medium.bytes.as_slice(), &vec![0; more]].concat();
        medium.put("longer", &longer);
        for (number, part) in (1..).zip(longer.chunks(len / 2)) {
            medium.put(&part_name("cut", number), part);
        }
        for patch in [None, Some("patch")] {
            let (media, bundle) = medium.open("longer", patch).unwrap();
            assert_eq!(damage(&media, &bundle).len(), 1, "{more} with {patch:?}");
            let refused = medium.open("cut", patch).map(|(media, bundle)| damage(&media, &bundle));
            assert!(refused.is_err() || refused.is_ok_and(|found| !found.is_empty()), "{more} with {patch:?}");
        }
    }
    medium.put("shorter", &medium.bytes[..len - 1000]);
    let (media, bundle) = medium.open("shorter", Some("patch")).unwrap();
    assert_eq!(damage(&media, &bundle), Vec::<String>::new(), "the patch has an end");
    // The last part is a piece of the end, which is not read.
    medium.put(&part_name("last", 1), &medium.bytes[..len - 512]);
    medium.put(&part_name("last", 2), &[0; 700]);
    let (media, bundle) = medium.open("last", Some("patch")).unwrap();
    let long = anyhow::Error::from(verify(&media, &bundle, &Progress::hidden()).remove(0));
    assert!(format!("{long:#}").contains("has 700 bytes, and should have 512"), "{long:#}");
}

#[test]
fn a_patch_does_not_make_a_strangers_bundle_trusted() {
    let medium = Medium::new();
    medium.put("patch", &pack(&medium.signed, &medium.blobs, &[0, 1, 2]));
    let stranger = SecretKey::generate().unwrap();
    let same = Signed::new(medium.signed.release().clone(), std::slice::from_ref(&stranger)).unwrap();
    let mut changed = medium.signed.release().clone();
    changed.created = Some("2026-01-01T00:00:00Z".to_owned());
    let other = Signed::new(changed.clone(), std::slice::from_ref(&stranger)).unwrap();
    for signed in [same, other] {
        medium.put("stranger", &pack(&signed, &medium.blobs, &[0, 1, 2]));
        let error = format!("{:#}", medium.open("stranger", Some("patch")).unwrap_err());
        assert!(error.contains("stranger: not signed by a trusted key"), "{error}");
    }
    let own = Signed::new(changed, std::slice::from_ref(&medium.key)).unwrap();
    medium.put("own", &pack(&own, &medium.blobs, &[0, 1, 2]));
    let error = medium.open("own", Some("patch")).unwrap_err().to_string();
    assert!(error.contains("is a patch for another bundle"), "{error}");
}

#[test]
fn a_head_that_was_damaged_anywhere_comes_from_the_patch() {
    let mut medium = Medium::new();
    let cosigner = SecretKey::generate().unwrap();
    medium.signed.add(&cosigner).unwrap();
    let bytes = pack(&medium.signed, &medium.blobs, &[0, 1, 2]);
    medium.put("patch", &pack(&medium.signed, &medium.blobs, &[]));
    let both = TrustedKeys::new(vec![medium.key.public_key(), cosigner.public_key()], 2).unwrap();
    let end = Head::read(&mut bytes.as_slice()).unwrap().verify(&both).unwrap().entries()[0].offset;
    for place in (0..at(end)).step_by(61) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        medium.put("damaged", &damaged);
        let folder = medium.folder.path();
        let args =
            BundleLocation { file: folder.join("damaged"), folders: Vec::new(), patch: Some(folder.join("patch")) };
        let mut media = Media::open(&args, Box::new(Unattended)).unwrap();
        let bundle = media.head().unwrap().verify(&both).unwrap();
        let bundle = media.bind_manifest(bundle, &both).unwrap_or_else(|error| panic!("byte {place}: {error:#}"));
        assert_eq!(damage(&media, &bundle), Vec::<String>::new(), "byte {place}");
    }
}

#[test]
fn behind_a_damaged_head_the_entries_are_found_for_any_number_of_signatures() {
    let medium = Medium::new();
    let mut more = medium.signed.clone();
    more.add(&SecretKey::generate().unwrap()).unwrap();
    for (bundle, patch) in [(&medium.signed, &more), (&more, &medium.signed)] {
        let whole = pack(bundle, &medium.blobs, &[0, 1, 2]);
        medium.put("patch", &pack(patch, &medium.blobs, &[]));
        for place in [0, 700] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            medium.put("damaged", &bytes);
            let (media, bundle) = medium.open("damaged", Some("patch")).unwrap();
            assert_eq!(bundle.size(), whole.len() as u64);
            assert_eq!(damage(&media, &bundle), Vec::<String>::new(), "byte {place}");
        }
    }
}
