//! The programs and bundles that all operations work with.

use anyhow::Result;
use landfall_tests::{Command, Image, Publisher, Release, ensure_tools};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// An installer with bundles for it.
#[derive(Debug)]
pub(crate) struct Site {
    installer: PathBuf,
    pub(crate) bundle: PathBuf,
    key: PathBuf,
}

impl Site {
    /// The one site that all tests share, made by the first.
    pub(crate) fn shared() -> Result<&'static Self> {
        static SITE: Mutex<Option<&'static Site>> = Mutex::new(None);
        let mut site = SITE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(site) = *site {
            return Ok(site);
        }
        let made: &'static Self = Box::leak(Box::new(Self::new()?));
        *site = Some(made);
        Ok(made)
    }

    fn new() -> Result<Self> {
        ensure_tools()?;
        let publisher = Publisher::new("crash")?;
        // The smallest static program stands in for the two large ones: what is copied matters little, how matters.
        let stand_in = publisher.programs().hello()?;
        let more = format!("[runtime]\nbinary = \"{0}\"\ninstaller = \"{0}\"\n", stand_in.display());
        let images: Vec<Image> = vec![publisher.hello()?];
        let bundle = publisher.pack(&Release { version: "1.0.0".to_owned(), serial: 1, images, more })?;
        Ok(Self { installer: publisher.programs().installer()?, bundle, key: publisher.public_key() })
    }

    /// `landfall-installer` with `words`, for the host below `root`.
    pub(crate) fn run(&self, root: &Path, words: &[&str]) -> Command {
        Command::new(&self.installer).arg("--root").arg(root).args(["--engine", "none", "--no-systemd"]).args(words)
    }

    pub(crate) fn install(&self, root: &Path) -> Command {
        self.run(root, &["install"]).arg(&self.bundle).arg("--trust").arg(&self.key)
    }
}
