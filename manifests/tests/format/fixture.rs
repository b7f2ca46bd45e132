//! A small bundle, and a reader that takes every entry.

use landfall_fixtures::ReleaseFixture;
use landfall_keys::{SecretKey, TrustedKeys};
use landfall_manifests::{Arch, Digest, Encoding, Head, Layer, ReadError, Release, Signed};

/// Release 1.4.0 with a file and an image of two layers. The format does not care that no blob is compressed, that the image's
/// documents are none, and that the last blob is empty.
fn fixture() -> ReleaseFixture {
    let mut fixture = ReleaseFixture::new("1.4.0", 12);
    fixture.release.arch = Arch::Amd64;
    let [file, config, manifest, full, empty] =
        [b"file".to_vec(), b"{\"config\":1}".to_vec(), b"{\"manifest\":1}".to_vec(), vec![7; 700], Vec::new()]
            .map(|content| fixture.add_blob(content));
    let layer = |blob| Layer { blob, encoding: Encoding::Zstd, diff_id: Digest::of(b"layer"), size: 9 };
    fixture.add_file_in("docs/readme", "0644", b"file", file);
    fixture.add_image_in("hello", manifest, config, vec![layer(full), layer(empty)], None);
    fixture
}

pub(crate) fn blobs() -> Vec<Vec<u8>> {
    fixture().blobs().map(<[u8]>::to_vec).collect()
}

pub(crate) fn release(key: &SecretKey) -> Release {
    fixture().release(std::slice::from_ref(key))
}

pub(crate) fn bundle(release: Release, keys: &[SecretKey]) -> Vec<u8> {
    write(&Signed::new(release, keys).unwrap())
}

pub(crate) fn write(signed: &Signed) -> Vec<u8> {
    fixture().write(signed)
}

pub(crate) fn trusted(key: &SecretKey) -> TrustedKeys {
    TrustedKeys::new(vec![key.public_key()], 1).unwrap()
}

/// Reads a whole bundle as an installer does, and gives the content of its entries.
pub(crate) fn read(bytes: &[u8], trusted: &TrustedKeys) -> Result<Vec<Vec<u8>>, ReadError> {
    let mut source = bytes;
    let bundle = Head::read(&mut source)?.verify(trusted)?;
    let mut contents = Vec::new();
    for (index, entry) in bundle.entries().iter().enumerate() {
        let mut content = Vec::new();
        match index {
            0 => entry.read_content(&mut source, &mut content)?,
            _ => entry.read(&mut source, &mut content)?,
        }
        contents.push(content);
    }
    bundle.check_end(&mut source)?;
    Ok(contents)
}
