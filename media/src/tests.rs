#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::{BundleLocation, Media, MediaError, Unattended, media_error, verify};
use landfall_console::Progress;
use landfall_keys::{SecretKey, TrustedKeys};
use landfall_manifests::parts::part_name;
use landfall_manifests::{Arch, Blob, Bundle, Digest, Encoding, File, Head, Os, ReadError, Release, Signed, Writer};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// A medium with a bundle of three blobs, and who signed it.
struct Medium {
    folder: TempDir,
    key: SecretKey,
    signed: Signed,
    blobs: Vec<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Medium {
    fn new() -> Self {
        let key = SecretKey::generate().unwrap();
        let mut blobs = vec![vec![1; 700], vec![2; 300_000], vec![3; 512]];
        blobs.sort_by_key(|content| Digest::of(content));
        let mut release = release();
        release.files = (1..).zip(&blobs).map(|(number, content)| file(number, content)).collect();
        release.blobs =
            blobs.iter().map(|content| Blob { digest: Digest::of(content), size: content.len() as u64 }).collect();
        release.layout = release.computed_layout();
        let signed = Signed::new(release, std::slice::from_ref(&key)).unwrap();
        let bytes = pack(&signed, &blobs, &[0, 1, 2]);
        let medium = Self { folder: tempfile::tempdir().unwrap(), key, signed, blobs, bytes };
        medium.put("bundle", &medium.bytes);
        medium
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn trusted(&self) -> TrustedKeys {
        TrustedKeys::new(vec![self.key.public_key()], 1).unwrap()
    }

    /// Opens, and believes.
    fn open(&self, name: &str, patch: Option<&str>) -> anyhow::Result<(Media, Bundle)> {
        let folder = self.folder.path();
        let args = BundleLocation {
            file: folder.join(name),
            folders: Vec::new(),
            patch: patch.map(|patch| folder.join(patch)),
        };
        let mut media = Media::open(&args, Box::new(Unattended))?;
        let bundle = media.head()?.verify(&self.trusted())?;
        let bundle = media.bind_manifest(bundle, &self.trusted())?;
        Ok((media, bundle))
    }

    /// Overwrites some of a file that is open.
    fn scribble(&self, name: &str, range: std::ops::Range<u64>) {
        let file = std::fs::File::options().write(true).open(self.folder.path().join(name)).unwrap();
        file.write_all_at(&vec![0xee; at(range.end - range.start)], range.start).unwrap();
    }
}

/// A release of no files and no images.
fn release() -> Release {
    Release {
        schema: 1,
        product: "acme".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        serial: 1.try_into().unwrap(),
        os: Os::Linux,
        arch: Arch::Amd64,
        created: None,
        min_upgrade_from: None,
        database: None,
        base: None,
        keys: Vec::new(),
        trust: Vec::new(),
        layout: Vec::new(),
        blobs: Vec::new(),
        files: Vec::new(),
        images: Vec::new(),
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

fn file(number: u32, content: &[u8]) -> File {
    File {
        path: format!("docs/{number}").parse().unwrap(),
        mode: "0644".parse().unwrap(),
        digest: Digest::of(b""),
        size: 0,
        blob: Digest::of(content),
        encoding: Encoding::Zstd,
    }
}

/// A bundle or a patch that holds these of the blobs.
fn pack(signed: &Signed, blobs: &[Vec<u8>], held: &[usize]) -> Vec<u8> {
    let digests: BTreeSet<Digest> = held.iter().map(|held| Digest::of(&blobs[*held])).collect();
    let mut writer = Writer::begin_patch(Vec::new(), signed, &digests).unwrap();
    for held in held {
        writer.blob(Digest::of(&blobs[*held]), &mut blobs[*held].as_slice()).unwrap();
    }
    writer.finish().unwrap()
}

/// What the pass over the media finds wrong.
fn pass(media: &Media, bundle: &Bundle) -> Vec<String> {
    verify(media, bundle, &Progress::hidden()).iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_read_before_the_pass_is_not_looked_at_again() {
    let medium = Medium::new();
    let (media, bundle) = medium.open("bundle", None).unwrap();
    let [first, settings, other] = [0, 2, 3].map(|entry| &bundle.entries()[entry]);
    media.entry(settings).unwrap();
    medium.scribble("bundle", 0..first.content_offset());
    medium.scribble("bundle", settings.offset..settings.offset + settings.archive_bytes());
    assert_eq!(media.entry(settings).unwrap().len() as u64, settings.size);
    assert_eq!(pass(&media, &bundle), Vec::<String>::new());
    medium.scribble("bundle", other.offset..other.content_offset());
    assert_eq!(pass(&media, &bundle).len(), 1, "what was not read before is read now");
}

#[test]
fn what_a_patch_holds_is_read_from_there_and_its_frame_once() {
    let medium = Medium::new();
    medium.put("patch", &pack(&medium.signed, &medium.blobs, &[1]));
    let (media, bundle) = medium.open("bundle", Some("patch")).unwrap();
    let entries = bundle.entries();
    assert_eq!(media.patched_blobs(&bundle).collect::<Vec<_>>(), [entries[3].digest]);
    // The head and the layout of both, the patched blob in the bundle, the headers and the end of the patch.
    medium.scribble("bundle", 0..entries[2].offset);
    medium.scribble("bundle", entries[3].offset..entries[4].offset);
    let end = entries[4].offset + entries[4].archive_bytes();
    medium.scribble("bundle", end..end + 1024);
    medium.scribble("patch", 0..entries[0].content_offset());
    medium.scribble("patch", entries[1].offset..entries[1].content_offset());
    medium.scribble("patch", entries[2].offset..entries[2].content_offset());
    let size = std::fs::metadata(medium.folder.path().join("patch")).unwrap().len();
    medium.scribble("patch", size - 1024..size);
    assert_eq!(pass(&media, &bundle), Vec::<String>::new());
    medium.scribble("patch", entries[2].content_offset()..entries[2].content_offset() + 1);
    assert_eq!(pass(&media, &bundle).len(), 1, "the blob comes from the patch");
    medium.scribble("bundle", entries[2].content_offset()..entries[2].content_offset() + 1);
    assert_eq!(pass(&media, &bundle).len(), 2, "the others come from the bundle");
}

#[test]
fn a_patch_with_other_signatures_of_the_same_manifest_is_as_good() {
    let medium = Medium::new();
    let mut more = medium.signed.clone();
    more.add(&SecretKey::generate().unwrap()).unwrap();
    for (bundle, patch) in [(&medium.signed, &more), (&more, &medium.signed)] {
        let mut bytes = pack(bundle, &medium.blobs, &[0, 1, 2]);
        let head = Head::read(&mut bytes.as_slice()).unwrap().verify(&medium.trusted()).unwrap();
        bytes[at(head.entries()[3].content_offset())] ^= 1;
        medium.put("damaged", &bytes);
        medium.put("patch", &pack(patch, &medium.blobs, &[1]));
        let (media, bundle) = medium.open("damaged", None).unwrap();
        assert_eq!(pass(&media, &bundle).len(), 1);
        let (media, bundle) = medium.open("damaged", Some("patch")).unwrap();
        assert_eq!(pass(&media, &bundle), Vec::<String>::new());
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
            assert_eq!(pass(&media, &bundle).len(), 1, "{more} with {patch:?}");
            let refused = medium.open("cut", patch).map(|(media, bundle)| pass(&media, &bundle));
            assert!(refused.is_err() || refused.is_ok_and(|found| !found.is_empty()), "{more} with {patch:?}");
        }
    }
    medium.put("shorter", &medium.bytes[..len - 1000]);
    let (media, bundle) = medium.open("shorter", Some("patch")).unwrap();
    assert_eq!(pass(&media, &bundle), Vec::<String>::new(), "the patch has an end");
    // The last part is a piece of the end, which is not read.
    medium.put(&part_name("last", 1), &medium.bytes[..len - 512]);
    medium.put(&part_name("last", 2), &[0; 700]);
    let (media, bundle) = medium.open("last", Some("patch")).unwrap();
    let long = anyhow::Error::from(verify(&media, &bundle, &Progress::hidden()).remove(0));
    assert!(format!("{long:#}").contains("has 700 bytes, and should have 512"), "{long:#}");
}

#[test]
fn a_patch_vouches_for_no_bundle_of_a_strangers() {
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
        assert_eq!(pass(&media, &bundle), Vec::<String>::new(), "byte {place}");
    }
}

#[test]
fn behind_a_damaged_head_the_entries_are_found_whoever_signed_the_patch() {
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
            assert_eq!(pass(&media, &bundle), Vec::<String>::new(), "byte {place}");
        }
    }
}

#[test]
fn a_part_that_ends_early_is_named_and_not_the_one_before() {
    let medium = Medium::new();
    for (number, part) in (1..).zip(medium.bytes.chunks(100_000)) {
        let held = if number == 3 { 10 } else { part.len() };
        medium.put(&part_name("cut", number), &part[..held]);
    }
    let (media, bundle) = medium.open("cut", None).unwrap();
    let damage = verify(&media, &bundle, &Progress::hidden()).remove(0);
    assert_eq!(damage.range(), Some(200_010..200_011));
    let place = media.located(Some(&bundle), damage).to_string();
    assert!(place.contains("cut.part003, offset 10 (offset 200010 of the bundle)"), "{place}");
}

#[test]
fn what_is_no_file_hides_no_part_and_is_damage_if_it_is_all_there_is() {
    let medium = Medium::new();
    let elsewhere = medium.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    for (number, part) in (1..).zip(medium.bytes.chunks(100_000)) {
        medium.put(&part_name("cut", number), part);
    }
    let [second, third] = [2, 3].map(|number| part_name("cut", number));
    for name in [&second, &third] {
        std::fs::rename(medium.folder.path().join(name), elsewhere.join(name)).unwrap();
    }
    std::fs::create_dir(medium.folder.path().join(&second)).unwrap();
    std::os::unix::fs::symlink(&third, medium.folder.path().join(&third)).unwrap();
    let file = medium.folder.path().join("cut");
    let found = |folders: Vec<PathBuf>| {
        let mut media =
            Media::open(&BundleLocation { file: file.clone(), folders, patch: None }, Box::new(Unattended)).unwrap();
        let bundle = media.head().unwrap().verify(&medium.trusted()).unwrap();
        let bundle = media.bind_manifest(bundle, &medium.trusted()).unwrap();
        verify(&media, &bundle, &Progress::hidden())
    };
    assert!(found(vec![elsewhere]).is_empty(), "the parts are in the other folder");
    let damage = found(Vec::new());
    assert!(
        matches!(&damage[0], ReadError::Source { source, .. }
        if matches!(media_error(source), Some(MediaError::PartNotAFile(_)))),
        "{}",
        damage[0]
    );
}

#[test]
fn a_part_whose_name_is_not_utf_8_is_to_be_renamed() {
    use std::os::unix::ffi::OsStrExt as _;
    let medium = Medium::new();
    let file = medium.folder.path().join(std::ffi::OsStr::from_bytes(b"b\xfcndel.part001"));
    std::fs::write(&file, &medium.bytes).unwrap();
    let error =
        Media::open(&BundleLocation { file, folders: Vec::new(), patch: None }, Box::new(Unattended)).unwrap_err();
    assert!(matches!(error, MediaError::PartName(_)), "{error}");
}

#[test]
fn parts_of_all_sizes_are_one_stream() {
    let medium = Medium::new();
    let len = medium.bytes.len();
    for size in [len.div_ceil(999), 511, 512, 513, 1024, 5000, len / 2, len - 1, len] {
        let name = format!("of-{size}");
        for (number, part) in (1..).zip(medium.bytes.chunks(size)) {
            medium.put(&part_name(&name, number), part);
        }
        let (media, bundle) = medium.open(&name, None).unwrap();
        assert!(media.is_complete());
        for start in [0, 1, size - 1, size, size + 1, len - 1, len, len + 1] {
            let mut read = Vec::new();
            media.at(start as u64).read_to_end(&mut read).unwrap();
            assert_eq!(read, medium.bytes[start.min(len)..], "{size} from {start}");
        }
        assert_eq!(pass(&media, &bundle), Vec::<String>::new(), "{size}");
    }
}

#[test]
fn parts_that_shrink_or_grow_meanwhile_are_damage() {
    for now in [0, 10, 99_999, 100_001] {
        let medium = Medium::new();
        for (number, part) in (1..).zip(medium.bytes.chunks(100_000)) {
            medium.put(&part_name("cut", number), part);
        }
        let (media, bundle) = medium.open("cut", None).unwrap();
        let mut across = media.at(199_999);
        across.read_exact(&mut [0]).unwrap();
        let second = medium.folder.path().join(part_name("cut", 2));
        std::fs::File::options().write(true).open(&second).unwrap().set_len(now).unwrap();
        assert!(across.read(&mut [0]).is_err(), "{now}: noticed when the part is left");
        let found = pass(&media, &bundle);
        assert!(!found.is_empty(), "{now}: noticed when the part is opened again");
    }
}
