//! A public key: one line, or a file.

use crate::{ReadOutcome, Target, key, none};
use landfall_keys::PublicKey;

/// Both forms are written as they are read.
pub(crate) const TARGET: Target = Target { name: "public_key", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(text) = std::str::from_utf8(input) else { return ReadOutcome::Refused };
    let found = [text.parse::<PublicKey>(), PublicKey::parse_file(text)];
    for key in found.iter().flatten() {
        assert_eq!(key.to_line().parse::<PublicKey>().as_ref(), Ok(key));
        assert_eq!(PublicKey::parse_file(&key.to_file()).as_ref(), Ok(key));
    }
    ReadOutcome::from(found[0].as_ref().or(found[1].as_ref()))
}

fn seeds() -> Vec<Vec<u8>> {
    let key = key::public();
    vec![key.to_line().into_bytes(), key.to_file().into_bytes(), key.to_file().replace('\n', "\r\n").into_bytes()]
}
