//! A signed manifest whose signer is hostile, and the entries that follow from it.

use crate::key::{KEY, trusted};
use crate::sample::{Sample, signed};
use crate::{ReadOutcome, Target, none};
use landfall_manifests::{Digest, Release, limits};

/// A manifest that is whole can be written, signed and read again, and its bundle has a size and a name.
pub(crate) const TARGET: Target = Target { name: "release", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let signature = KEY.sign(input, "").expect("an empty comment is valid");
    let verified = trusted().verify(input.to_vec(), &[signature]).expect("it was just signed");
    let Ok(release) = Release::from_verified(verified) else { return ReadOutcome::Refused };
    let release = release.get();
    let json = release.to_json();
    assert_eq!(serde_json::from_slice::<Release>(&json).ok().as_ref(), Some(release));
    assert!(release.file_name().len() < limits::PATH_COMPONENT_BYTES && !release.file_name().contains('/'));
    let again = signed(release.clone()).expect("a whole release can be signed");
    assert!(again.bundle_bytes() > json.len() as u64);
    assert_eq!((Digest::of(again.bytes()), again.release()), (Digest::of(&json), release));
    for file in &release.files {
        assert!(file.path.as_str().split('/').all(|component| !["", ".", ".."].contains(&component)));
    }
    ReadOutcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    Sample::all().iter().map(|sample| sample.release.to_json()).collect()
}
