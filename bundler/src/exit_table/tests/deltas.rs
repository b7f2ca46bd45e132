//! Samples of the errors of deltas.

use super::{at, blob, io};
use crate::delta::DeltaError;
use crate::error::Error;

/// Errors of `delta`, and of `build --base`.
pub(super) fn of_deltas() -> Vec<Error> {
    let path = || at("old.tar");
    let [found, wanted] = [7, 6].map(|serial: u64| serial.try_into().unwrap());
    vec![
        DeltaError::Make { blob: blob(), source: io() }.into(),
        DeltaError::OtherProduct { path: path(), found: "other".parse().unwrap(), wanted: "acme".parse().unwrap() }
            .into(),
        DeltaError::OtherPlatform { path: path(), found: "linux/arm64".to_owned(), wanted: "linux/amd64".to_owned() }
            .into(),
        DeltaError::Newer { path: path(), found, wanted }.into(),
        DeltaError::FullIsDelta(at("b.tar")).into(),
        DeltaError::TooMany(17, 16).into(),
        DeltaError::ReplacesSource { out: at("b.tar"), source_path: path() }.into(),
    ]
}
