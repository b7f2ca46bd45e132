//! A bundle on media: in one file or cut into parts, and perhaps with a patch beside it, as a host reads it.
//!
//! An input says how large the parts are (0: one file) and how long the patch is (0: none), each in two bytes, the most
//! significant one first; then come the patch and the bundle.

use crate::key::trusted;
use crate::sample::Sample;
use crate::transport::folder;
use crate::{ReadOutcome, Target, archive, none, patch};
use landfall_keys::TrustedKeys;
use landfall_manifests::parts::part_name;
use landfall_manifests::{Bundle, Digest};
use landfall_media::{BundleLocation, Media, Unattended};
use std::error::Error;
use std::fs;
use std::path::Path;

/// What is read are the blobs of the manifest, and a whole bundle is whole in whatever parts it comes.
pub(crate) const TARGET: Target = Target { name: "media", read, seeds, findings: none, mutate: Some(mutated) };

/// The most parts that a bundle is cut into: each is a file.
const PARTS: usize = 20;

/// An input, taken apart.
struct Input {
    part_size: u16,
    patch: Vec<u8>,
    bundle: Vec<u8>,
}

impl Input {
    fn of(input: &[u8]) -> Option<Self> {
        let ([a, b, c, d], rest) = input.split_first_chunk::<4>()?;
        let (patch, bundle) = rest.split_at_checked(u16::from_be_bytes([*c, *d]).into())?;
        Some(Self { part_size: u16::from_be_bytes([*a, *b]), patch: patch.to_vec(), bundle: bundle.to_vec() })
    }

    fn bytes(&self) -> Vec<u8> {
        let kept = self.patch.len().min(u16::MAX.into());
        let length = u16::try_from(kept).unwrap_or(u16::MAX);
        let sizes = [self.part_size.to_be_bytes(), length.to_be_bytes()].concat();
        [sizes.as_slice(), &self.patch[..kept], &self.bundle].concat()
    }

    fn write(&self, bundle: &Path) {
        let size = usize::from(self.part_size).max(self.bundle.len() / PARTS).max(1);
        let name = bundle.to_string_lossy();
        if self.part_size == 0 {
            return fs::write(bundle, &self.bundle).expect("the temporary folder takes a file");
        }
        for (number, part) in (1..).zip(self.bundle.chunks(size)) {
            fs::write(part_name(&name, number), part).expect("the temporary folder takes a file");
        }
    }
}

fn read(input: &[u8]) -> ReadOutcome {
    let Some(input) = Input::of(input) else { return ReadOutcome::Refused };
    let folder = folder();
    let (bundle, patch) = (folder.path().join("a.landfall.tar"), folder.path().join("a.patch.landfall.tar"));
    input.write(&bundle);
    fs::write(&patch, &input.patch).expect("the temporary folder takes a file");
    let found = media(&bundle, (!input.patch.is_empty()).then_some(patch.as_path()), &trusted());
    if let Ok((bundle, blobs)) = &found {
        let digests: Vec<Digest> = blobs.iter().map(|blob| Digest::of(blob)).collect();
        assert_eq!(digests, bundle.release().blobs.iter().map(|blob| blob.digest).collect::<Vec<_>>());
    }
    if input.patch.is_empty() {
        assert_eq!((archive::TARGET.read)(&input.bundle), ReadOutcome::from(found.as_ref()), "{:?}", found.err());
    }
    ReadOutcome::from(found)
}

/// A bundle, and the content of its blobs.
pub(crate) type Contents = (Bundle, Vec<Vec<u8>>);

/// Reads a bundle from its first byte to its last, as one that is installed.
pub(crate) fn media(file: &Path, patch: Option<&Path>, trusted: &TrustedKeys) -> Result<Contents, Box<dyn Error>> {
    let (file, patch) = (file.to_owned(), patch.map(Path::to_owned));
    let mut media = Media::open(&BundleLocation { file, folders: Vec::new(), patch }, Box::new(Unattended))?;
    let bundle = media.head()?.verify(trusted)?;
    let bundle = media.bind_manifest(bundle, trusted)?;
    let mut blobs = Vec::new();
    for entry in bundle.entries() {
        let mut content = Vec::new();
        entry.read(&mut media.at(entry.offset), &mut content)?;
        if entry.is_blob {
            blobs.push(content);
        }
    }
    media.check_end(&bundle)?;
    Ok((bundle, blobs))
}

fn seeds() -> Vec<Vec<u8>> {
    let sample = Sample::with_image();
    let bundle = sample.bundle();
    let patch = patch::of(&bundle, &sample.blobs).expect("a patch");
    let (mut damaged, mut headless) = (bundle.clone(), bundle.clone());
    let last = bundle.len() - 1024 - 512;
    damaged[last] ^= 1;
    headless[600] ^= 1;
    let inputs = [
        (0, Vec::new(), bundle.clone()),
        (3000, Vec::new(), bundle),
        (2048, patch.clone(), damaged),
        (0, patch, headless),
    ];
    inputs.map(|(part_size, patch, bundle)| Input { part_size, patch, bundle }.bytes()).to_vec()
}

/// Changes the sizes, the patch or the bundle.
fn mutated(input: &[u8], rng: u32, mutate: &mut dyn FnMut(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let Some(mut taken) = Input::of(input) else { return mutate(input.to_vec()) };
    match rng % 4 {
        0 => return mutate(input.to_vec()),
        1 => taken.patch = archive::mutated(&taken.patch, rng / 4, mutate),
        2 => taken.bundle = archive::mutated(&taken.bundle, rng / 4, mutate),
        _ => taken.part_size = u16::try_from(rng / 4 % 8192).unwrap_or_default(),
    }
    taken.bytes()
}
