//! A parity file beside a bundle of which some bytes have rotted.

use crate::key::trusted;
use crate::sample::Sample;
use crate::transport::folder;
use crate::{ReadOutcome, Target, media, none};
use landfall_console::Progress;
use landfall_manifests::Digest;
use landfall_manifests::parity::{PAGE_BYTES, checksum};
use landfall_media::{ParityEncoder, UnverifiedBundle};
use std::fs;
use std::sync::OnceLock;

/// Whatever is in the file: what is read are the blobs of the manifest, or nothing.
pub(crate) const TARGET: Target = Target { name: "parity", read, seeds, findings: none, mutate: Some(mutated) };

/// The bytes that have rotted, and of which the first block of a small bundle has some too.
const ROTTEN: [usize; 3] = [700, 4096, 5000];

fn bundle() -> &'static [u8] {
    static BUNDLE: OnceLock<Vec<u8>> = OnceLock::new();
    BUNDLE.get_or_init(|| Sample::with_image().bundle())
}

fn read(input: &[u8]) -> ReadOutcome {
    let folder = folder();
    let path = folder.path().join("a.landfall.tar");
    let mut rotten = bundle().to_vec();
    for at in ROTTEN {
        rotten[at] ^= 1;
    }
    fs::write(&path, rotten).expect("the temporary folder takes a file");
    fs::write(folder.path().join("a.landfall.tar.parity"), input).expect("the temporary folder takes a file");
    let found = media::media(&path, None, &trusted());
    if let Ok((bundle, blobs)) = &found {
        let digests: Vec<Digest> = blobs.iter().map(|blob| Digest::of(blob)).collect();
        assert_eq!(digests, bundle.release().blobs.iter().map(|blob| blob.digest).collect::<Vec<_>>());
    }
    ReadOutcome::from(found)
}

/// The parity file of the bundle.
fn parity() -> Vec<u8> {
    let folder = folder();
    let path = folder.path().join("a.landfall.tar");
    fs::write(&path, bundle()).expect("the temporary folder takes a file");
    let opened = UnverifiedBundle::open(&path, &[]).expect("a bundle");
    let signed = opened.head().clone().into_signed_without_verifying().expect("a manifest");
    let mut encoder = ParityEncoder::new(&signed, 50).expect("a small bundle");
    opened.copy_to(&signed, encoder.recording(std::io::sink()), &Progress::hidden()).expect("a whole bundle");
    let mut bytes = Vec::new();
    encoder.write(&opened, &mut bytes, &Progress::hidden()).expect("the same bundle");
    bytes
}

fn seeds() -> Vec<Vec<u8>> {
    let whole = parity();
    let (mut no_front, mut no_back) = (whole.clone(), whole.clone());
    no_front[..2 * PAGE_BYTES].fill(0);
    no_back.truncate(whole.len() - 2 * PAGE_BYTES);
    vec![whole, no_front, no_back]
}

/// Changes any bytes, or those of a page, whose checksum is made right again.
fn mutated(input: &[u8], rng: u32, mutate: &mut dyn FnMut(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let pages = input.len() / PAGE_BYTES;
    if rng.is_multiple_of(4) || pages == 0 {
        return mutate(input.to_vec());
    }
    let number = usize::try_from(rng / 4).unwrap_or_default() % pages;
    let mut bytes = input.to_vec();
    let page = &mut bytes[number * PAGE_BYTES..][..PAGE_BYTES];
    let mut content = mutate(page[..PAGE_BYTES - 4].to_vec());
    content.resize(PAGE_BYTES - 4, 0);
    content.extend(checksum(&content).to_be_bytes());
    page.copy_from_slice(&content);
    bytes
}
