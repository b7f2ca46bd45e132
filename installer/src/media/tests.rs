#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::kept::fixture::quiet;
use crate::verify::verify;
use landfall_console::Progress;
use landfall_keys::SecretKey;
use landfall_manifests::parts::part_name;
use landfall_manifests::{Blob, Encoding, File, Signed, Writer};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
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
        let mut release = crate::plan::tests::release_with(&[]);
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
        let args =
            MediaArgs { file: folder.join(name), parts: Vec::new(), patch: patch.map(|patch| folder.join(patch)) };
        let mut media = Media::open(&args, quiet())?;
        let bundle = media.head()?.verify(&self.trusted())?;
        let bundle = media.settle(bundle, &self.trusted())?;
        Ok((media, bundle))
    }

    /// Overwrites some of a file that is open.
    fn scribble(&self, name: &str, range: std::ops::Range<u64>) {
        let file = std::fs::File::options().write(true).open(self.folder.path().join(name)).unwrap();
        file.write_all_at(&vec![0xee; at(range.end - range.start)], range.start).unwrap();
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
    assert_eq!(media.patched(&bundle).collect::<Vec<_>>(), [entries[3].digest]);
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
fn parts_of_all_sizes_are_one_stream() {
    let medium = Medium::new();
    let len = medium.bytes.len();
    for size in [len.div_ceil(999), 511, 512, 513, 1024, 5000, len / 2, len - 1, len] {
        let name = format!("of-{size}");
        for (number, part) in (1..).zip(medium.bytes.chunks(size)) {
            medium.put(&part_name(&name, number), part);
        }
        let (media, bundle) = medium.open(&name, None).unwrap();
        assert!(media.is_at_hand());
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
