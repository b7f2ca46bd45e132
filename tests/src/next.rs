//! The product's next releases: their runtime is `landfall-next`, which has one migration more than ours, and faults to order.

use crate::fault::{Fault, ORDER};
use crate::{Image, Publisher, Release};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The schema that `landfall-next` writes: one beyond ours.
pub const SCHEMA: u32 = landfall::store::LATEST + 1;
/// The table that its migration adds.
pub const TABLE: &str = "marks";
/// The column of `environments` that its migration adds.
pub const COLUMN: &str = "mark";

/// A next release that is to be packed.
#[derive(Debug, Clone)]
pub struct Next {
    release: Release,
    faults: Vec<Fault>,
    installer: Option<PathBuf>,
    settings: Option<PathBuf>,
}

impl Next {
    /// A good release with these images.
    pub fn new(version: &str, serial: u64, images: &[Image]) -> Self {
        Self { release: Release::new(version, serial, images), faults: Vec::new(), installer: None, settings: None }
    }

    /// A release that is called after its fault, `1.1.0-<fault>`, with serial 2.
    pub fn broken(fault: Fault, images: &[Image]) -> Self {
        Self::new(&format!("1.1.0-{}", fault.word()), 2, images).with(fault)
    }

    /// With one more fault.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// With this program in place of the installer.
    #[must_use]
    pub fn with_installer(mut self, program: PathBuf) -> Self {
        self.installer = Some(program);
        self
    }

    /// With these default settings.
    #[must_use]
    pub fn with_settings(mut self, file: PathBuf) -> Self {
        self.settings = Some(file);
        self
    }

    /// Its name on a host, `<version>-<serial>`.
    pub fn id(&self) -> String {
        self.release.id()
    }

    /// Packs it, and returns the bundle.
    pub fn pack(&self, publisher: &Publisher) -> Result<PathBuf> {
        let mut release = self.release.clone();
        release.more.push_str(&self.runtime(publisher)?);
        if !self.faults.is_empty() {
            let order = publisher.file(&format!("{}-{ORDER}", release.version));
            let words: Vec<&str> = self.faults.iter().map(|fault| fault.word()).collect();
            std::fs::write(&order, words.join("\n")).context("write the order of faults")?;
            _ = write!(release.more, "\n[[file]]\nsource = \"{}\"\npath = \"{ORDER}\"\n", order.display());
        }
        publisher.pack(&release)
    }

    fn runtime(&self, publisher: &Publisher) -> Result<String> {
        let binary = publisher.programs().next_runtime()?;
        // The one migration that it has more goes back, unless a fault says otherwise.
        let reversible_to = if self.faults.contains(&Fault::CannotGoBack) { SCHEMA } else { SCHEMA - 1 };
        let mut table = format!(
            "[runtime]\nbinary = \"{}\"\ndatabase = {{ schema = {SCHEMA}, reversible_to = {reversible_to} }}\n",
            binary.display()
        );
        for (key, file) in [("installer", &self.installer), ("config", &self.settings)] {
            if let Some(file) = file {
                _ = writeln!(table, "{key} = \"{}\"", file.display());
            }
        }
        Ok(table)
    }
}
