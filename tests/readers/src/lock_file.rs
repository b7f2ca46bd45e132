//! `landfall.lock`, which lies beside a definition.

use crate::{ReadOutcome, Target, none};
use landfall_bundler::readers::lock_file;

/// What is written says what was read.
pub(crate) const TARGET: Target = Target { name: "lock_file", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let written = lock_file(input);
    if let Ok(written) = &written {
        assert_eq!(lock_file(written.as_bytes()).ok().as_ref(), Some(written));
    }
    ReadOutcome::from(written)
}

fn seeds() -> Vec<Vec<u8>> {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let pin = |name: &str| format!("[[reference]]\nname = \"{name}\"\ndigest = \"{digest}\"\n");
    let pins = [pin("docker.io/library/debian:12"), pin("localhost:5000/team/app:1")].concat();
    ["version = 1\n".to_owned(), format!("# Pins\nversion = 1\n{pins}")].map(String::into_bytes).to_vec()
}
