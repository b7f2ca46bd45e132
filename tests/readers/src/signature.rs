//! A detached signature.

use crate::key::{KEY, trusted};
use crate::{ReadOutcome, Target, none};
use landfall_keys::Signature;

/// A signature is written as it was read, and nobody but the key's holder makes one that counts.
pub(crate) const TARGET: Target = Target { name: "signature", read, seeds, findings: none, mutate: None };

const MESSAGE: &[u8] = b"a release manifest";
/// The comments of the signatures that were made: all that can count.
const COMMENTS: [&str; 3] = ["", "product=acme version=1.4.0 serial=12", "a\ttab, and a word beyond ASCII: Grüße"];

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(signature) = Signature::parse(input) else { return ReadOutcome::Refused };
    let file = signature.to_file();
    assert!(Signature::parse_canonical(file.as_bytes()).as_ref() == Ok(&signature));
    if trusted().verify(MESSAGE.to_vec(), &[signature]).is_ok() {
        assert!(made().contains(&file), "a forged signature counts:\n{file}");
    }
    ReadOutcome::Accepted
}

fn made() -> Vec<String> {
    COMMENTS.iter().map(|comment| KEY.sign(MESSAGE, comment).expect("a valid comment").to_file()).collect()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = made().into_iter().map(String::into_bytes).collect();
    seeds.push(made()[1].replace('\n', "\r\n").into_bytes());
    seeds
}
