//! Bundles in parts, and patches for them.

use crate::fixture::{Outcome, Scene};
use landfall_keys::{SecretKey, TrustedKeys};
use landfall_manifests::parts::part_name;
use landfall_manifests::repair::RepairRequest;
use landfall_manifests::{Bundle, Entry, Head, Writer};
use std::path::{Path, PathBuf};

/// The name of the bundle whose parts these are.
pub(crate) const NAME: &str = "good.tar";

/// Files, by their names.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// The parts of `bytes`, with their names.
pub(crate) fn split(bytes: &[u8], size: usize) -> Files {
    (1..).zip(bytes.chunks(size)).map(|(number, part)| (part_name(NAME, number), part.to_vec())).collect()
}

/// The size of parts of which a bundle has `count`.
pub(crate) fn size_for(bytes: &[u8], count: usize) -> usize {
    bytes.len().div_ceil(count)
}

/// Puts parts into a folder on the stick, and returns the folder.
pub(crate) fn write_parts(scene: &Scene, folder: &str, parts: &[(String, Vec<u8>)]) -> PathBuf {
    let folder = scene.stick().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in parts {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    folder
}

/// The verified head of the bundle in `bytes`.
pub(crate) fn opened(bytes: &[u8], key: &SecretKey) -> Bundle {
    let trusted = TrustedKeys::new(vec![key.public_key()], 1).unwrap();
    Head::read(&mut &bytes[..]).unwrap().verify(&trusted).unwrap()
}

/// The entry of the blob of a file of the release.
pub(crate) fn entry_of(bundle: &Bundle, path: &str) -> Entry {
    let file = bundle.release().files.iter().find(|file| file.path.as_str() == path).unwrap();
    bundle.entries().iter().find(|entry| entry.is_blob && entry.digest == file.blob).unwrap().clone()
}

/// The patch that `request` asks for, out of a whole bundle.
pub(crate) fn patch(whole: &[u8], key: &SecretKey, request: &Path) -> Vec<u8> {
    let request = RepairRequest::parse(&std::fs::read(request).unwrap()).unwrap();
    let wanted = match request {
        RepairRequest::Head => Vec::new(),
        RepairRequest::Release(wanted) => wanted.blobs,
    };
    let held = wanted.into_iter().collect();
    let signed = Head::read(&mut &whole[..]).unwrap().into_signed_without_verifying().unwrap();
    let mut writer = Writer::begin_patch(Vec::new(), &signed, &held).unwrap();
    let bundle = opened(whole, key);
    for entry in bundle.entries().iter().filter(|entry| entry.is_blob && held.contains(&entry.digest)) {
        let from = usize::try_from(entry.content_offset()).unwrap();
        let content = &whole[from..from + usize::try_from(entry.size).unwrap()];
        writer.blob(entry.digest, &mut &content[..]).unwrap();
    }
    writer.finish().unwrap()
}

/// The files of the release on a host: its folder and its blobs.
pub(crate) fn release_on(scene: &Scene) -> String {
    let tree = scene.tree_without_times();
    let belongs = |line: &&str| line.starts_with("opt/") || line.starts_with("var/lib/landfall/store");
    tree.lines().filter(belongs).collect::<Vec<_>>().join("\n")
}

/// Installs, returns the files of the release, and purges the host again.
pub(crate) fn installed(scene: &Scene, words: &[&str]) -> String {
    install(scene, words).ok();
    let release = release_on(scene);
    assert!(release.contains("store/sha256/"), "{release}");
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    release
}

/// Installs what `words` name, by the scene's key.
pub(crate) fn install(scene: &Scene, words: &[&str]) -> Outcome {
    with_key(scene, "install", words)
}

/// The same for another command.
pub(crate) fn with_key(scene: &Scene, command: &str, words: &[&str]) -> Outcome {
    let key = scene.key.public_key().to_line();
    scene.run(&[&[command], words, &["--trust", &key]].concat())
}
