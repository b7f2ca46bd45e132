//! What a folder of bundles has, as whoever serves it hands it out.

use crate::key::{KEY, trusted};
use crate::sample::Sample;
use crate::{ReadOutcome, Target, none};
use landfall_manifests::{BundleIndex, Digest, IndexedBundle, SignedIndex};

/// An index is written as it was read, and one that is trusted is one that may be made.
pub(crate) const TARGET: Target = Target { name: "bundle_index", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(signed) = SignedIndex::parse(input) else { return ReadOutcome::Refused };
    let written = signed.to_file().expect("an index that was read");
    assert_eq!(SignedIndex::parse(&written).ok().as_ref(), Some(&signed));
    let Ok(verified) = signed.verify(&trusted()) else { return ReadOutcome::Refused };
    let BundleIndex { product, bundles, .. } = verified.get().clone();
    assert!(BundleIndex::new(product, bundles).is_ok());
    ReadOutcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    let bundles = Sample::all().into_iter().enumerate().map(|(number, sample)| {
        let mut release = sample.release.clone();
        release.serial = (number as u64 + 1).try_into().expect("a serial");
        let name = format!("{number}.landfall.tar");
        (release.product.clone(), IndexedBundle::of(name, &release, Digest::of(&release.to_json()), number as u64))
    });
    let (products, bundles): (Vec<_>, Vec<_>) = bundles.unzip();
    let index = BundleIndex::new(products[0].clone(), bundles).expect("an index");
    let mut signed = SignedIndex::new(&index, Vec::new()).expect("an index");
    signed.sign(&KEY).expect("a signature");
    vec![signed.to_file().expect("a file")]
}
