//! What a host says that it has, as it comes to whoever makes a delta for it.

use crate::key::{KEY, public};
use crate::sample::Sample;
use crate::{ReadOutcome, Target, none};
use landfall_manifests::{Digest, Inventory, InventoryRelease, SignedInventory};

/// An inventory that the host's key has signed is one that may be signed.
pub(crate) const TARGET: Target = Target { name: "inventory", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(signed) = SignedInventory::parse(input) else { return ReadOutcome::Refused };
    let written = serde_json::to_vec(&signed).expect("JSON");
    assert_eq!(SignedInventory::parse(&written).ok().as_ref(), Some(&signed));
    let Ok(inventory) = signed.verify(&[public()]) else { return ReadOutcome::Refused };
    assert!(SignedInventory::new(&inventory, &KEY).is_ok());
    ReadOutcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    let inventory = |sample: Sample| {
        let release = sample.release;
        let manifest = Digest::of(&release.to_json());
        let kept = InventoryRelease { version: release.version.clone(), serial: release.serial, manifest };
        let inventory = Inventory {
            schema: 1,
            product: release.product.clone(),
            os: release.os,
            arch: release.arch,
            installation: "0123456789abcdef".repeat(2),
            releases: vec![kept],
            blobs: release.blobs.iter().map(|blob| blob.digest).collect(),
        };
        serde_json::to_vec(&SignedInventory::new(&inventory, &KEY).expect("a signature")).expect("JSON")
    };
    Sample::all().into_iter().map(inventory).collect()
}
