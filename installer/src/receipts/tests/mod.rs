#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod host;

use super::body::{Place, SCHEMA, TrustedBy};
use super::chain::Found;
use super::counter::MAX_RECEIPTS;
use super::draft::{Footing, Known, footing};
use super::verdict::Findings;
use super::who::By;
use super::*;
use crate::durable::{self, At as _};
use crate::layout::Layout;
use landfall_keys::SecretKey;
use landfall_manifests::Digest;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

fn counter(number: u32) -> Counter {
    number.try_into().unwrap()
}

fn receipt(number: u32, previous: Option<Digest>) -> Receipt {
    let place = |serial: u64| Place {
        version: "1.0.0".parse().unwrap(),
        serial: serial.try_into().unwrap(),
        manifest: Digest::of(b"m"),
    };
    Receipt {
        schema: SCHEMA,
        counter: counter(number),
        time: "2026-11-22T08:00:00Z".to_owned(),
        operation: if number == 1 { Act::Install } else { Act::Update },
        by: By { uid: 0, user: "root".to_owned(), login: Some("alice".to_owned()) },
        product: "acme".parse().unwrap(),
        from: (number > 1).then(|| place(u64::from(number) - 1)),
        to: place(u64::from(number)),
        signers: Vec::new(),
        trust: TrustedBy { version: 1, digest: Digest::of(b"root") },
        installer: "0.1.0".to_owned(),
        previous,
        gap: None,
    }
}

fn found(key: &SecretKey, receipt: &Receipt) -> Found {
    let body = receipt.to_json().into_bytes();
    let signature = key.sign(&body, &receipt.comment()).unwrap().to_file().into_bytes();
    Found { counter: receipt.counter, body, signature: Some(signature) }
}

/// Receipts 1 to `count`, as a host writes them.
fn chained(key: &SecretKey, count: u32) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for number in 1..=count {
        all.push(found(key, &receipt(number, all.last().map(|last| Digest::of(&last.body)))));
    }
    all
}

/// What there is to say of these, one after the other.
fn verdict(key: &SecretKey, all: &[Found], tail: &Tail) -> Verdict {
    let mut chain = Chain::new(vec![key.public_key()]).unwrap();
    for found in all {
        chain.follow(found);
    }
    chain.end(tail)
}

fn messages(findings: Findings) -> Vec<String> {
    findings.listed.into_iter().map(|finding| finding.message).collect()
}

/// What is wrong with these, one after the other.
fn faults(key: &SecretKey, all: &[Found]) -> Vec<String> {
    messages(verdict(key, all, &Tail::default()).faults)
}
