#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod files;

use super::actor::Actor;
use super::chain::UnverifiedReceipt;
use super::counter::MAX_RECEIPTS;
use super::draft::{ChainPosition, PriorState, chain_position};
use super::receipt::{ReleaseRef, SCHEMA, TrustedBy};
use super::report::Findings;
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
    let release = |serial: u64| ReleaseRef {
        version: "1.0.0".parse().unwrap(),
        serial: serial.try_into().unwrap(),
        manifest: Digest::of(b"m"),
    };
    Receipt {
        schema: SCHEMA,
        counter: counter(number),
        time: "2026-11-22T08:00:00Z".to_owned(),
        operation: if number == 1 { Operation::Install } else { Operation::Update },
        by: Actor { uid: 0, user: "root".to_owned(), login: Some("alice".to_owned()) },
        product: "acme".parse().unwrap(),
        from: (number > 1).then(|| release(u64::from(number) - 1)),
        to: Some(release(u64::from(number))),
        outcome: Outcome::Done,
        signers: Vec::new(),
        trust: TrustedBy { version: 1, digest: Digest::of(b"root") },
        installer: "0.1.0".to_owned(),
        previous,
        gap: None,
    }
}

/// A receipt as a journal holds it.
pub(crate) fn draft(number: u32, previous: Option<Digest>) -> Draft {
    let receipt = receipt(number, previous);
    serde_json::from_value(
        serde_json::json!({"counter": number, "body": receipt.to_json(), "comment": receipt.comment()}),
    )
    .unwrap()
}

fn signed(key: &SecretKey, receipt: &Receipt) -> UnverifiedReceipt {
    let body = receipt.to_json().into_bytes();
    let signature = key.sign(&body, &receipt.comment()).unwrap().to_file().into_bytes();
    UnverifiedReceipt { counter: receipt.counter, body, signature: Some(signature) }
}

/// Receipts 1 to `count`, as a host writes them.
fn chained(key: &SecretKey, count: u32) -> Vec<UnverifiedReceipt> {
    let mut all: Vec<UnverifiedReceipt> = Vec::new();
    for number in 1..=count {
        all.push(signed(key, &receipt(number, all.last().map(|last| Digest::of(&last.body)))));
    }
    all
}

/// The report on these receipts.
fn report(key: &SecretKey, all: &[UnverifiedReceipt], expected: &ExpectedEnd) -> ChainReport {
    let mut chain = Chain::new(vec![key.public_key()]).unwrap();
    for found in all {
        chain.check_next(found);
    }
    chain.finish(expected)
}

fn messages(findings: Findings) -> Vec<String> {
    findings.listed.into_iter().map(|finding| finding.message).collect()
}

/// The faults of these receipts, one after the other.
fn faults(key: &SecretKey, all: &[UnverifiedReceipt]) -> Vec<String> {
    messages(report(key, all, &ExpectedEnd::default()).faults)
}
