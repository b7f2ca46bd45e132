//! What a build answers.

use crate::assemble::WrittenBundle;
use crate::build_stats::BuildStats;
use crate::delta::BaseReport;
use crate::error::Result;
use crate::lint::Lint;
use crate::trust::UnverifiedRoot;
use landfall_console::{Console, Count, Size};
use landfall_manifests::Digest;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// A bundle that was built.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildReport {
    path: PathBuf,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PathBuf>,
    size: u64,
    /// Whether it was there already, byte for byte.
    unchanged: bool,
    product: String,
    version: String,
    serial: u64,
    platform: String,
    manifest: String,
    keys: Vec<String>,
    /// The version of the newest trust root that it brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<u32>,
    #[serde(skip)]
    trust_root: Option<String>,
    /// What a delta leaves out.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<BaseReport>,
    blobs: usize,
    files: usize,
    images: Vec<String>,
    warnings: Vec<Lint>,
}

/// One object, whose bundles are in a list if `arch` in the definition is one of several.
#[derive(Serialize)]
#[serde(untagged)]
enum Bundles<'a> {
    One(&'a BuildReport),
    Several { bundles: &'a [BuildReport] },
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    bundles: Bundles<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<BuildStats>,
}

impl BuildReport {
    pub(crate) fn of(written: &WrittenBundle, warnings: Vec<Lint>, path: PathBuf) -> Self {
        let WrittenBundle { signed, parts, is_unchanged } = written;
        let release = signed.release();
        let trust = UnverifiedRoot::of(&release.trust);
        Self {
            path,
            parts: parts.clone(),
            size: signed.bundle_bytes(),
            unchanged: *is_unchanged,
            product: release.product.to_string(),
            version: release.version.to_string(),
            serial: release.serial.into(),
            platform: release.platform(),
            manifest: Digest::of(signed.bytes()).to_string(),
            keys: signed.signatures().iter().map(|signature| signature.key_id().to_string()).collect(),
            trust: trust.as_ref().map(UnverifiedRoot::version),
            trust_root: trust.as_ref().map(ToString::to_string),
            base: release.base.as_ref().map(|base| BaseReport::of(base, release)),
            blobs: release.blobs.len(),
            files: release.files.len(),
            images: release.images.iter().map(|image| image.name.to_string()).collect(),
            warnings,
        }
    }
}

impl fmt::Display for BuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { product, version, serial, platform, .. } = self;
        let cut = if self.parts.is_empty() { String::new() } else { format!(" in {} parts", self.parts.len()) };
        let images = if self.images.is_empty() { "none".to_owned() } else { self.images.join(", ") };
        writeln!(f, "{}{}", self.path.display(), if self.unchanged { " (unchanged)" } else { "" })?;
        writeln!(f, "  release  {product} {version} (serial {serial}) for {platform}")?;
        writeln!(f, "  size     {:#}{cut}", Size(self.size))?;
        writeln!(f, "  signed   by {}", self.keys.join(", "))?;
        if let Some(root) = &self.trust_root {
            writeln!(f, "  trust    {root}")?;
        }
        if let Some(base) = &self.base {
            writeln!(f, "  base     {}", base.text())?;
        }
        writeln!(f, "  holds    {}, {}", Count(self.files, "file"), Count(self.blobs, "blob"))?;
        writeln!(f, "  images   {images}")
    }
}

/// Prints what was built, and what it took.
pub(crate) fn print(reports: &[BuildReport], stats: Option<BuildStats>, console: Console) -> Result<()> {
    let texts = reports.iter().map(ToString::to_string).chain(stats.as_ref().map(ToString::to_string));
    let text: String = texts.collect();
    let bundles = match reports {
        [one] => Bundles::One(one),
        bundles => Bundles::Several { bundles },
    };
    console.result(&Answer { bundles, stats }, text)
}
