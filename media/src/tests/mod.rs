#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod parity;
mod parts;
mod patches;

use crate::{BundleLocation, Media, MediaError, Unattended, media_error, verify};
use landfall_console::Progress;
use landfall_fixtures::ReleaseFixture;
use landfall_keys::{SecretKey, TrustedKeys};
use landfall_manifests::parts::part_name;
use landfall_manifests::{Bundle, Digest, Head, ReadError, Signed, Writer};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// A medium with a bundle of three blobs, and the key that signed it.
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
        let blobs = vec![vec![1; 700], vec![2; 300_000], vec![3; 512]];
        let mut fixture = ReleaseFixture::new("1.0.0", 1);
        for (number, content) in (1..).zip(&blobs) {
            let blob = fixture.add_blob(content.clone());
            fixture.add_file_in(&format!("docs/{number}"), "0644", b"", blob);
        }
        let signed = fixture.signed(std::slice::from_ref(&key));
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

    /// Opens the bundle, and binds its manifest.
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

    /// Overwrites a range of a file that is open.
    fn overwrite(&self, name: &str, range: std::ops::Range<u64>) {
        let file = std::fs::File::options().write(true).open(self.folder.path().join(name)).unwrap();
        file.write_all_at(&vec![0xee; at(range.end - range.start)], range.start).unwrap();
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
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

/// What a pass over the media reports.
fn damage(media: &Media, bundle: &Bundle) -> Vec<String> {
    verify(media, bundle, &Progress::hidden()).iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_read_before_the_pass_is_not_read_again() {
    let medium = Medium::new();
    let (media, bundle) = medium.open("bundle", None).unwrap();
    let [first, settings, other] = [0, 3, 4].map(|entry| &bundle.entries()[entry]);
    media.entry(settings).unwrap();
    medium.overwrite("bundle", 0..first.content_offset());
    medium.overwrite("bundle", settings.offset..settings.offset + settings.archive_bytes());
    assert_eq!(media.entry(settings).unwrap().len() as u64, settings.size);
    assert_eq!(damage(&media, &bundle), Vec::<String>::new());
    medium.overwrite("bundle", other.offset..other.content_offset());
    assert_eq!(damage(&media, &bundle).len(), 1, "what was not read before is read now");
}
