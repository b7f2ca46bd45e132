//! A bundle of which a part was lost on the way, and the patch that its host asked for: made as people make them.

use anyhow::{Context as _, Result};
use landfall_tests::{Command, Publisher};
use std::path::{Path, PathBuf};

/// How many parts the bundle is cut into.
const PARTS: u64 = 3;

/// What `verify` ends with.
const DAMAGED: i32 = 3;

/// Parts and a patch, in one folder.
#[derive(Debug)]
pub(crate) struct Patched {
    pub(crate) folder: PathBuf,
    pub(crate) first: PathBuf,
    pub(crate) patch: PathBuf,
}

impl Patched {
    /// Cuts `bundle` into parts, loses the second one, and has the patch made that `installer` asks for.
    pub(crate) fn new(publisher: &Publisher, installer: &Path, bundle: &Path) -> Result<Self> {
        let folder = publisher.file("patched");
        std::fs::create_dir_all(&folder)?;
        let size = std::fs::metadata(bundle)?.len().div_ceil(PARTS).to_string();
        let cut = publisher.bundler()?.arg("split").arg(bundle).args(["--size", &size, "--out"]).arg(&folder);
        cut.ok().context("cut the bundle")?;
        let name = bundle.file_name().unwrap_or_default().display().to_string();
        let part = |number: u32| folder.join(format!("{name}.part{number:03}"));
        std::fs::remove_file(part(2))?;
        let (request, patch, first) = (publisher.file("request.json"), folder.join("patch.tar"), part(1));
        let asks = Command::new(installer).arg("verify").arg(&first).arg("--request").arg(&request);
        asks.arg("--trust").arg(publisher.public_key()).run()?.exits(DAMAGED).context("ask for what is lost")?;
        let repair = publisher.bundler()?.arg("repair").arg(&request).arg("--from").arg(bundle);
        repair.arg("--out").arg(&patch).ok().context("make the patch")?;
        Ok(Self { folder, first, patch })
    }
}
