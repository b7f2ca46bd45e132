//! Samples of the errors of deltas.

use super::{at, blob, io};
use crate::delta::DeltaError;
use crate::error::Error;
use landfall_keys::TrustError;
use landfall_manifests::InventoryError;

/// Errors of `delta`, and of `build --base`.
pub(super) fn of_deltas() -> Vec<Error> {
    let path = || at("old.tar");
    let unsigned = TrustError::NotTrusted { signed_by: Vec::new(), trusted: Vec::new() };
    let [found, wanted] = [7, 6].map(|serial: u64| serial.try_into().unwrap());
    vec![
        DeltaError::Make { blob: blob(), source: io() }.into(),
        DeltaError::InventoryFile { path: at("host.json"), source: io() }.into(),
        DeltaError::Inventory { path: at("host.json"), source: InventoryError::Releases }.into(),
        DeltaError::Inventory { path: at("host.json"), source: InventoryError::Untrusted(unsigned) }.into(),
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
