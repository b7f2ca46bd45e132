//! The programs and bundles that all operations work with.

use crate::patched::Patched;
use anyhow::{Context as _, Result, ensure};
use landfall_tests::next::SCHEMA;
use landfall_tests::{Command, Programs, Publisher, Release, ensure_tools, stand_in};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The release that hosts begin with.
pub(crate) const FIRST: &str = "1.0.0";

/// An installer with bundles for it.
#[derive(Debug)]
pub(crate) struct Fixtures {
    pub(crate) programs: Programs,
    installer: PathBuf,
    key: PathBuf,
    first: PathBuf,
    second: PathBuf,
    roots: PathBuf,
    broken: PathBuf,
    patched: Patched,
    /// The second release, as a delta on the first.
    delta: PathBuf,
}

impl Fixtures {
    /// The fixtures that all tests share, made by the first.
    pub(crate) fn shared() -> Result<&'static Self> {
        static FIXTURES: Mutex<Option<&'static Fixtures>> = Mutex::new(None);
        let mut fixtures = FIXTURES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fixtures) = *fixtures {
            return Ok(fixtures);
        }
        let made: &'static Self = Box::leak(Box::new(Self::new()?));
        *fixtures = Some(made);
        Ok(made)
    }

    fn new() -> Result<Self> {
        ensure_tools()?;
        let publisher = Publisher::new("crash")?;
        let programs = publisher.programs().clone();
        let installer = programs.installer()?;
        let roots = publisher.roots()?;
        let (ours, next) = (programs.runtime()?, programs.next_runtime()?);
        let pack = |version: &str, serial, schema, real: &[&Path]| {
            let images = vec![publisher.hello_of(version)?];
            // The releases after the first bring the next trust root.
            let roots = if version == FIRST { "" } else { "trust = \"trust\"\n" };
            let more = roots.to_owned() + &stand_ins(&publisher, version, schema, real)?;
            publisher.pack(&Release { version: version.to_owned(), serial, images, more })
        };
        let second = pack("1.1.0", 2, SCHEMA, &[&next, &installer])?;
        let first = pack(FIRST, 1, SCHEMA - 1, &[&ours, &installer])?;
        Ok(Self {
            delta: delta(&publisher, &first, &second)?,
            first,
            patched: Patched::new(&publisher, &installer, &second)?,
            second,
            // Its own recovery is asked last: everything else of the update is done by then.
            broken: pack("1.2.0-broken", 3, SCHEMA, &[&next])?,
            key: publisher.public_key(),
            roots,
            installer,
            programs,
        })
    }

    /// `landfall-installer` with `words`, for the host below `root`.
    pub(crate) fn run(&self, root: &Path, words: &[&str]) -> Command {
        Command::new(&self.installer)
            .arg("--root")
            .arg(root)
            .args(["--engine", "none", "--no-systemd", "--run-programs"])
            .args(words)
    }

    pub(crate) fn install(&self, root: &Path) -> Command {
        self.run(root, &["install"]).arg(&self.first).arg("--trust").arg(&self.key)
    }

    pub(crate) fn update(&self, root: &Path) -> Command {
        self.run(root, &["update", "--yes"]).arg(&self.second)
    }

    /// The same update, out of parts of which one is lost, and a patch.
    pub(crate) fn patched_update(&self, root: &Path) -> Command {
        self.run(root, &["update", "--yes"]).arg(&self.patched.first).arg("--patch").arg(&self.patched.patch)
    }

    /// The same update, out of a delta that makes a layer from the one on the host.
    pub(crate) fn delta_update(&self, root: &Path) -> Command {
        self.run(root, &["update", "--yes"]).arg(&self.delta)
    }

    /// The bundle that an installation reads.
    pub(crate) fn first(&self) -> &Path {
        &self.first
    }

    pub(crate) fn import(&self, root: &Path) -> Command {
        self.run(root, &["trust", "import"]).arg(&self.roots)
    }

    /// The bundle that an update reads.
    pub(crate) fn second(&self) -> &Path {
        &self.second
    }

    /// The folder with all that a patched update reads.
    pub(crate) fn patched(&self) -> &Path {
        &self.patched.folder
    }

    pub(crate) fn failing_update(&self, root: &Path) -> Command {
        self.run(root, &["update", "--yes"]).arg(&self.broken)
    }
}

/// The delta on the bundle `first` that brings the release of `second`. Something in it is made from what the host has.
fn delta(publisher: &Publisher, first: &Path, second: &Path) -> Result<PathBuf> {
    let path = publisher.file("delta.tar");
    let cut = publisher.bundler()?.arg("delta").arg(second).arg("--base").arg(first);
    let made = cut.args(["--key", "landfall.key", "--json", "--out"]).arg(&path).ok().context("make the delta")?;
    let made: serde_json::Value = serde_json::from_str(&made)?;
    ensure!(made["base"]["made"].as_u64() > Some(0), "nothing is made from the base: {made}");
    Ok(path)
}

/// A folder with a page that every release has, and one that only this version has: links to it come and go.
fn pages(publisher: &Publisher, version: &str) -> Result<PathBuf> {
    let folder = publisher.file(&format!("{version}-share"));
    for page in ["man/man1/landfall.1", &format!("man/man1/landfall-{version}.1"), "zsh/site-functions/_landfall"] {
        let path = folder.join(page);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        std::fs::write(path, version)?;
    }
    Ok(folder)
}

/// What stands in a definition about programs that run the `real` ones. One that is not named is broken.
fn stand_ins(publisher: &Publisher, version: &str, schema: u32, real: &[&Path]) -> Result<String> {
    let folder = publisher.file(&format!("{version}-programs"));
    std::fs::create_dir_all(&folder)?;
    for (name, real) in ["landfall", "landfall-installer"].into_iter().zip(real) {
        std::fs::write(folder.join(name), real.display().to_string())?;
    }
    let (program, folder, back) = (publisher.programs().stand_in()?, folder.display(), SCHEMA - 1);
    let (program, share) = (program.display(), pages(publisher, version)?);
    Ok(format!(
        "[runtime]\nbinary = \"{program}\"\ninstaller = \"{program}\"\n\
         database = {{ schema = {schema}, reversible_to = {back} }}\n\
         [[file]]\nsource = \"{folder}\"\npath = \"{}\"\n\
         [[file]]\nsource = \"{}\"\npath = \"share\"\n",
        stand_in::FOLDER,
        share.display()
    ))
}
