//! An OCI image layout whose digests hold, whatever else was changed.
//!
//! An input is a row of documents, `index.json` first. In a document that is text, `@3` stands for the digest of the third
//! document after it, `#3` for its size, and `%3` for the digest of what is in it once it is unpacked; so a fuzzer reaches what
//! stands behind the digests.

use crate::image::{compressed, layer};
use crate::transport::{self, folder};
use crate::{ReadOutcome, SEPARATOR, Target};
use landfall_bundler::readers::{Stored, Transport};
use landfall_manifests::{Digest, Encoding, archive, oci};
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// A layout in a folder is read like the same one in an archive; what the bundler takes in, the installer can unpack.
pub(crate) const TARGET: Target = Target { name: "oci_layout", read, seeds, findings, mutate: None };

/// The most documents that an input has.
const DOCUMENTS: usize = 10;
/// The most that a document unpacks to, in bytes.
const CONTENT_BYTES: u64 = 4 << 20;

fn read(input: &[u8]) -> ReadOutcome {
    let files = files(input);
    let scratch = folder();
    let (layout, tar) = (scratch.path().join("layout"), scratch.path().join("layout.tar"));
    write(&files, &layout, &tar);
    let digests = |layers: Vec<Stored>| layers.into_iter().map(|(layer, _)| layer.blob).collect::<Vec<_>>();
    let found = transport::at(Transport::OciFolder, &layout, scratch.path()).map(digests).ok();
    let archived = transport::at(Transport::OciArchive, &tar, scratch.path()).map(digests).ok();
    assert_eq!(found, archived, "a folder and an archive differ");
    found.map_or(ReadOutcome::Refused, |_| ReadOutcome::Accepted)
}

/// The files of the layout, by name.
fn files(input: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut later: Vec<Vec<u8>> = Vec::new();
    let written: Vec<&[u8]> = split(input).into_iter().take(DOCUMENTS).collect();
    for document in written.into_iter().rev() {
        let filled = std::str::from_utf8(document).map(|text| filled(text, &later).into_bytes());
        later.insert(0, filled.unwrap_or_else(|_| document.to_vec()));
    }
    let names = later.iter().enumerate().map(|(at, document)| match at {
        0 => oci::INDEX_NAME.to_owned(),
        _ => archive::blob_name(&Digest::of(document)),
    });
    names.collect::<Vec<_>>().into_iter().zip(later).collect()
}

fn split(mut input: &[u8]) -> Vec<&[u8]> {
    let mut documents = Vec::new();
    while let Some(at) = input.windows(SEPARATOR.len()).position(|window| window == SEPARATOR.as_bytes()) {
        documents.push(&input[..at]);
        input = &input[at + SEPARATOR.len()..];
    }
    documents.push(input);
    documents
}

/// The text with what stands for a later document replaced.
fn filled(text: &str, later: &[Vec<u8>]) -> String {
    let mut filled = text.to_owned();
    for (at, document) in later.iter().enumerate() {
        let number = at + 1;
        filled = filled.replace(&format!("@{number}"), &Digest::of(document).to_string());
        filled = filled.replace(&format!("#{number}"), &document.len().to_string());
        let unpacked = unpacked(document);
        filled = filled.replace(&format!("%{number}"), &Digest::of(&unpacked).to_string());
    }
    filled
}

fn unpacked(document: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let decoder = zstd::Decoder::new(document).map(|decoder| decoder.take(CONTENT_BYTES));
    match decoder.and_then(|mut decoder| decoder.read_to_end(&mut content)) {
        Ok(_) => content,
        Err(_) => document.to_vec(),
    }
}

fn write(files: &[(String, Vec<u8>)], layout: &Path, tar: &Path) {
    let mut archive = tar::Builder::new(Vec::new());
    fs::create_dir_all(layout.join("blobs/sha256")).expect("the temporary folder takes a folder");
    for (name, content) in files {
        fs::write(layout.join(name), content).expect("the temporary folder takes a file");
        crate::image::put(&mut archive, name, content);
    }
    let archive = archive.into_inner().expect("memory takes what it is given");
    fs::write(tar, archive).expect("the temporary folder takes a file");
}

const INDEX: &str = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"@1","size":#1,"platform":{"architecture":"amd64","os":"linux"},"annotations":{"org.opencontainers.image.ref.name":"app:1"}}]}"#;
const NESTED: &str = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"@1","size":#1}]}"#;
const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"@1","size":#1},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","digest":"@2","size":#2}]}"#;
const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["%1"]}}"#;

fn seeds() -> Vec<Vec<u8>> {
    let zstd = compressed(&layer("hello"), Encoding::Zstd);
    let plain = layer("hello");
    let flat = [INDEX, MANIFEST, CONFIG].map(str::as_bytes);
    let nested = [NESTED, INDEX, MANIFEST, CONFIG].map(str::as_bytes);
    let join = |documents: &[&[u8]], layer: &[u8]| [documents, &[layer]].concat().join(SEPARATOR.as_bytes());
    vec![join(&flat, &zstd), join(&flat, &plain), join(&nested, &zstd)]
}

fn findings() -> Vec<Vec<u8>> {
    vec![multiplied()]
}

/// Four indexes, each of which refers to what comes next forty times: to millions of manifests.
fn multiplied() -> Vec<u8> {
    let index = |kind: &str| {
        let descriptor =
            format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}.v1+json","digest":"@1","size":#1}}"#);
        format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, [descriptor.as_str(); 40].join(","))
    };
    [index("index"), index("index"), index("index"), index("manifest"), String::new()].join(SEPARATOR).into_bytes()
}
