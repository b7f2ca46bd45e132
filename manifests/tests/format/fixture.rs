//! A small bundle, made the way the bundler makes one.

use landfall_keys::{SecretKey, TrustedKeys};
use landfall_manifests::{
    Arch, Blob, Digest, Encoding, File, Head, Image, Layer, Os, ReadError, Release, Signed, Writer, oci,
};

/// What the fixture's blobs hold: the format does not care that they are not compressed.
pub(crate) fn blobs() -> Vec<Vec<u8>> {
    vec![b"file".to_vec(), b"{\"config\":1}".to_vec(), b"{\"manifest\":1}".to_vec(), vec![7; 700], Vec::new()]
}

pub(crate) fn release(key: &SecretKey) -> Release {
    let blobs = blobs();
    let digests: Vec<Digest> = blobs.iter().map(|content| Digest::of(content)).collect();
    let layer = |blob| Layer { blob, encoding: Encoding::Zstd, diff_id: Digest::of(b"layer"), size: 9 };
    let image = Image {
        name: "hello".parse().unwrap(),
        platform: "linux/amd64".to_owned(),
        media_type: oci::MANIFEST.to_owned(),
        config: digests[1],
        manifest: digests[2],
        layers: vec![layer(digests[3]), layer(digests[4])],
        source: "rootfs:hello".to_owned(),
        tenant: None,
    };
    let file = File {
        path: "docs/readme".parse().unwrap(),
        mode: "0644".parse().unwrap(),
        digest: Digest::of(b"file"),
        size: 4,
        blob: digests[0],
        encoding: Encoding::Zstd,
    };
    let mut release = Release {
        schema: 1,
        product: "acme".parse().unwrap(),
        version: "1.4.0".parse().unwrap(),
        serial: 12.try_into().unwrap(),
        os: Os::Linux,
        arch: Arch::Amd64,
        created: None,
        min_upgrade_from: None,
        database: None,
        base: None,
        keys: vec![key.public_key().to_line()],
        trust: Vec::new(),
        layout: Vec::new(),
        blobs: blobs.iter().zip(&digests).map(|(b, d)| Blob { digest: *d, size: b.len() as u64 }).collect(),
        files: vec![file],
        images: vec![image],
    };
    release.layout = release.computed_layout();
    release
}

pub(crate) fn bundle(release: Release, keys: &[SecretKey]) -> Vec<u8> {
    write(&Signed::new(release, keys).unwrap())
}

pub(crate) fn write(signed: &Signed) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), signed).unwrap();
    for content in blobs() {
        writer.blob(Digest::of(&content), &mut content.as_slice()).unwrap();
    }
    writer.finish().unwrap()
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
