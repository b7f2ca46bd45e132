//! The programs under test: static release binaries, built the way they are shipped.

use crate::{Command, workspace};
use anyhow::{Context as _, Result, ensure};
use std::path::PathBuf;
use std::sync::Mutex;

/// Where the built programs lie.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds all programs; quick when nothing changed.
    pub fn build() -> Result<Self> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock();
        let triple = workspace::triple()?;
        Command::new("make")
            .args(["--silent", "build"])
            .current_dir(workspace::root())
            // It would take precedence over RUSTFLAGS (Cargo reference, `build.rustflags`).
            .without_env("CARGO_ENCODED_RUSTFLAGS")
            .shown_as("make build")
            .ok()
            .context("build the programs")?;
        Ok(Self { folder: workspace::target().join(triple).join("release") })
    }

    /// `landfall-bundler`.
    pub fn bundler(&self) -> Result<PathBuf> {
        self.find("landfall-bundler")
    }

    /// `landfall-installer`.
    pub fn installer(&self) -> Result<PathBuf> {
        self.find("landfall-installer")
    }

    /// `landfall`, the runtime.
    pub fn runtime(&self) -> Result<PathBuf> {
        self.find("landfall")
    }

    /// The static program of the tenant image `hello`.
    pub fn hello(&self) -> Result<PathBuf> {
        self.find("hello")
    }

    /// `landfall-next`, the runtime of a next release.
    pub fn next_runtime(&self) -> Result<PathBuf> {
        self.find("landfall-next")
    }

    /// The static program of the tenant image `slow`.
    pub fn slow_tenant(&self) -> Result<PathBuf> {
        self.find("slow-tenant")
    }

    /// Runs on a host and prints the results of clients there, or the rows of a database.
    pub fn host_probe(&self) -> Result<PathBuf> {
        self.find("host-probe")
    }

    /// What stands in for a release's programs where small releases are wanted.
    pub fn stand_in(&self) -> Result<PathBuf> {
        self.find("stand-in")
    }

    fn find(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        ensure!(path.is_file(), "{} was not built", path.display());
        Ok(path)
    }
}
