//! What a host with a damaged bundle asks for, as it comes to whoever has the bundle whole.

use crate::key::trusted;
use crate::sample::Sample;
use crate::{ReadOutcome, Target, none};
use landfall_manifests::Head;
use landfall_manifests::repair::RepairRequest;

/// A request is written as it was read.
pub(crate) const TARGET: Target = Target { name: "repair_request", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(request) = RepairRequest::parse(input) else { return ReadOutcome::Refused };
    assert_eq!(RepairRequest::parse(&request.to_json()).ok(), Some(request));
    ReadOutcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    let requests = Sample::all().into_iter().map(|sample| {
        let head = Head::read(&mut sample.bundle().as_slice()).expect("a whole bundle");
        let bundle = head.verify(&trusted()).expect("a signed bundle");
        RepairRequest::of(&bundle, &sample.release.blobs.iter().map(|blob| blob.digest).collect()).to_json()
    });
    requests.chain([RepairRequest::Head.to_json()]).collect()
}
