//! The manifest in a release's folder on the host, verified as that of a bundle is.

mod damage;
mod manifest;
#[cfg(test)]
mod tests;

pub use damage::Damage;
pub use manifest::{ManifestError, UnverifiedManifest, accepted_by};
