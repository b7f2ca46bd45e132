//! Where things lie in the working tree.

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The root of the repository.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where everything lives that the tests make: the private engine, caches, images, bundles.
pub fn testbed() -> PathBuf {
    target().join("testbed")
}

/// A folder under the testbed that exists.
pub fn folder(name: &str) -> Result<PathBuf> {
    let path = testbed().join(name);
    std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
    Ok(path)
}

/// A folder under the testbed that exists and is empty.
pub fn fresh_folder(name: &str) -> Result<PathBuf> {
    let path = testbed().join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).with_context(|| format!("empty {}", path.display()))?;
    }
    folder(name)
}

/// This machine's target triple: what the static programs are built for.
pub fn triple() -> Result<&'static str> {
    static TRIPLE: OnceLock<String> = OnceLock::new();
    if let Some(triple) = TRIPLE.get() {
        return Ok(triple);
    }
    let printed = crate::Command::new("rustc").args(["--version", "--verbose"]).quiet().ok()?;
    let host = printed.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host triple")?;
    Ok(TRIPLE.get_or_init(|| host.to_owned()))
}
