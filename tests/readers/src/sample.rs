//! Small releases and their bundles, made the way the bundler makes them.

use crate::image::{compressed, config, layer, manifest};
use crate::key;
use landfall_fixtures::ReleaseFixture;
use landfall_keys::SecretKey;
use landfall_manifests::{
    Arch, Blob, Database, Digest, Encoding, File, Image, Layer, Release, Signed, Tenant, Writable, Writer, oci,
};

/// A release and the content of its blobs, in the manifest's order.
pub(crate) struct Sample {
    pub(crate) release: Release,
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl Sample {
    /// All samples: one that holds nothing, one with a file, one with an image too.
    pub(crate) fn all() -> Vec<Self> {
        vec![Self::new(false, false), Self::new(true, false), Self::new(true, true)]
    }

    /// A release with a tenant's image, whose bundle is an OCI image layout that a release can be made from.
    pub(crate) fn with_image() -> Self {
        Self::new(false, true)
    }

    fn new(with_file: bool, with_image: bool) -> Self {
        let mut sample = Self { release: empty(), blobs: Vec::new() };
        if with_file {
            sample.add_file("docs/readme", b"Read me.\n");
        }
        if with_image {
            sample.add_image();
        }
        sample.release.layout = sample.release.computed_layout();
        sample
    }

    fn add_file(&mut self, path: &str, content: &[u8]) {
        let blob = self.add(compressed(content, Encoding::Zstd));
        self.release.files.push(File {
            path: path.parse().expect("a path that a release may hold"),
            mode: "0644".parse().expect("a mode"),
            digest: Digest::of(content),
            size: content.len() as u64,
            blob,
            encoding: Encoding::Zstd,
        });
        self.release.database = Some(Database { schema: 2, reversible_to: 1 });
        self.release.min_upgrade_from = "1.3.0".parse().ok();
        self.release.created = Some("2026-01-01T00:00:00Z".to_owned());
    }

    fn add_image(&mut self) {
        let layers = [(layer("hello"), Encoding::Zstd), (layer("world"), Encoding::Gzip)];
        let stored = layers.each_ref().map(|(tar, encoding)| (compressed(tar, *encoding), *encoding));
        let config = config(&layers.each_ref().map(|(tar, _)| tar.as_slice()));
        let manifest = manifest(&config, &stored.each_ref().map(|(blob, encoding)| (blob.as_slice(), *encoding)));
        let [manifest, config] = [manifest, config].map(|blob| self.add(blob));
        let layers = layers.into_iter().zip(stored).map(|((tar, encoding), (blob, _))| Layer {
            blob: self.add(blob),
            encoding,
            diff_id: Digest::of(&tar),
            size: tar.len() as u64,
        });
        let image = Image {
            name: "hello".parse().expect("an image's name"),
            platform: "linux/amd64".to_owned(),
            media_type: oci::MANIFEST.to_owned(),
            layers: layers.collect(),
            manifest,
            config,
            source: "oci:hello".to_owned(),
            tenant: Some(Tenant {
                framework: Some("none".to_owned()),
                writable: vec![Writable::Volume { path: "/var/lib/hello".parse().expect("a path") }],
                canary: true,
                ..Tenant::new("rust", 8080, "/health".parse().expect("a path"))
            }),
        };
        self.release.images.push(image);
    }

    fn add(&mut self, blob: Vec<u8>) -> Digest {
        let digest = Digest::of(&blob);
        self.release.blobs.push(Blob { digest, size: blob.len() as u64 });
        self.blobs.push(blob);
        digest
    }

    /// The bundle, signed by the key that everybody knows.
    pub(crate) fn bundle(&self) -> Vec<u8> {
        bundle(&self.signed(), &self.blobs)
    }

    fn signed(&self) -> Signed {
        signed(self.release.clone()).expect("a sample keeps the format's rules")
    }
}

/// Signs a release with the key that everybody knows, if it is whole.
pub(crate) fn signed(release: Release) -> Option<Signed> {
    Signed::new(release, std::slice::from_ref::<SecretKey>(&key::KEY)).ok()
}

fn bundle(signed: &Signed, blobs: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), signed).expect("memory takes what it is given");
    for content in blobs {
        writer.blob(Digest::of(content), &mut content.as_slice()).expect("the blobs are those of the manifest");
    }
    writer.finish().expect("all blobs were written")
}

fn empty() -> Release {
    let mut release = ReleaseFixture::new("1.4.0", 12).release;
    release.arch = Arch::Amd64;
    release.keys = vec![key::public().to_line()];
    release
}
