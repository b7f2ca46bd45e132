//! The receipts of a host, as they were carried to an auditor: one text after the other.
//!
//! A fuzzer signs what it likes with its own key, and has the signatures that the host once made. For an auditor who knows the
//! host's key, only what the host signed counts, in the order in which it did. For one who was given the fuzzer's key, the
//! fuzzer is the host.

use crate::key::{KEY, OTHERS};
use crate::{ReadOutcome, SEPARATOR, Target, none, texts};
use landfall_installer::readers::{receipt as written_again, receipt_comment, receipts};
use landfall_keys::SecretKey;
use landfall_manifests::Digest;

/// No receipt is forged, left out, doubled or swapped; and each is written as it was read.
pub(crate) const TARGET: Target = Target { name: "receipts", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Some(texts) = texts(input) else { return ReadOutcome::Refused };
    let bodies = texts;
    let (honest, host) = (honest(), &OTHERS[0]);
    let by_host = |body: &str| honest.iter().any(|text| text == body);
    let signed = |body: &&str| (body.as_bytes().to_vec(), sign(if by_host(body) { host } else { &KEY }, body));
    if receipts(host.public_key(), &bodies.iter().map(signed).collect::<Vec<_>>()).is_ok() {
        assert!(bodies.len() <= honest.len() && bodies.iter().zip(&honest).all(|(body, text)| body == text));
    }
    let own = |body: &&str| (body.as_bytes().to_vec(), sign(&KEY, body));
    let own: Vec<_> = bodies.iter().map(own).collect();
    let Ok(written) = receipts(KEY.public_key(), &own) else { return ReadOutcome::Refused };
    for text in &written {
        assert_eq!(written_again(text.as_bytes()).ok().as_ref(), Some(text));
    }
    ReadOutcome::Accepted
}

fn sign(key: &SecretKey, body: &str) -> Vec<u8> {
    let comment = receipt_comment(body.as_bytes()).unwrap_or_default();
    let signature = key.sign(body.as_bytes(), &comment).or_else(|_| key.sign(body.as_bytes(), ""));
    signature.expect("an empty comment is valid").to_file().into_bytes()
}

/// What the host signed.
fn honest() -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for counter in 1..=3 {
        let previous = texts.last().map(|text| format!("\"{}\"", Digest::of(text.as_bytes())));
        texts.push(receipt(counter, &previous.unwrap_or_else(|| "null".to_owned())));
    }
    texts
}

fn receipt(counter: u32, previous: &str) -> String {
    let place = |serial: u32| {
        let manifest = Digest::of(&serial.to_be_bytes());
        format!(r#"{{"version":"1.{serial}.0","serial":{serial},"manifest":"{manifest}"}}"#)
    };
    let from = if counter == 1 { "null".to_owned() } else { place(counter - 1) };
    let (operation, to) = (["install", "update", "rollback"][counter as usize - 1], place(counter));
    let (id, key, digest) = (KEY.id(), KEY.public_key().to_line(), Digest::of(b"trust"));
    format!(
        r#"{{"schema":1,"counter":{counter},"time":"2026-01-01T00:00:00Z","operation":"{operation}","by":{{"uid":0,"user":"root","login":"ada"}},"product":"acme","from":{from},"to":{to},"signers":[{{"keyId":"{id}","key":"{key}"}}],"trust":{{"version":1,"digest":"{digest}"}},"installer":"0.1.0","previous":{previous}}}"#
    )
}

fn seeds() -> Vec<Vec<u8>> {
    let honest = honest();
    (1..=honest.len()).map(|count| honest[..count].join(SEPARATOR).into_bytes()).collect()
}
