//! What a person and a registry write: a reference to an image, and the header that asks for a login.

use crate::{ReadOutcome, SEPARATOR, Target, none, texts};
use landfall_bundler::readers::{challenges, reference};
use std::fmt::Write as _;

/// A reference is the same when it is read as it was written in full, and so is a header.
pub(crate) const TARGET: Target = Target { name: "registry", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Some(texts) = texts(input) else { return ReadOutcome::Refused };
    if let Some(header) = texts.get(1) {
        let found = challenges(header);
        let mut written = String::new();
        for (scheme, parameters) in &found {
            write!(written, ", {scheme} ").expect("a text takes what it is given");
            for (name, value) in parameters {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                write!(written, "{name}=\"{value}\",").expect("a text takes what it is given");
            }
        }
        assert_eq!(challenges(&written), found, "{written}");
    }
    let found = reference(texts[0]);
    if let Ok(full) = &found {
        assert_eq!(reference(full).ok().as_ref(), Some(full));
        assert!(!full.contains(['?', '#', '%', ' ']) && !full.contains("/../"), "{full} is no path");
    }
    ReadOutcome::from(found)
}

fn seeds() -> Vec<Vec<u8>> {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let bearer = r#"Bearer realm="https://auth.example.com/token",service="a \"b\"",scope="repository:a/b:pull""#;
    [
        "debian".to_owned(),
        "localhost:5000/team/app:1.0-x".to_owned(),
        format!("[::1]:5000/a__b@{digest}"),
        format!("ghcr.io/a/b/c:1@{digest}{SEPARATOR}{bearer}, Basic realm=x"),
    ]
    .map(String::into_bytes)
    .to_vec()
}
