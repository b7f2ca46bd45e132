//! What the test takes place in: releases on a stick, and a machine with the first of them installed.

use crate::recorded_run::{Operation, RecordedRun};
use crate::tenant::Tenant;
use anyhow::{Context as _, Result};
use landfall_tests::fault::Fault;
use landfall_tests::machine::{Machine, Parts};
use landfall_tests::next::Next;
use landfall_tests::{Command, Engine, Publisher, Release, STICK, format_stick, workspace};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// The stick's size, in megabytes.
const STICK_SIZE: u64 = 512;

/// Emulated processors are slow: what takes a moment elsewhere may exceed the default time limit of a health check here.
const LONG_HEALTH_TIMEOUT: &str = "update.patience=600";

/// Everything that the cuts start from. Its folder goes when it is dropped.
#[derive(Debug)]
pub(crate) struct MachineSetup {
    parts: Parts,
    stick: PathBuf,
    folder: Folder,
    bundles: Bundles,
}

/// A folder that goes with the process, however that ends.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    cleanup: Child,
    _turn: File,
}

/// The releases, as paths on the machine.
#[derive(Debug)]
struct Bundles {
    first: String,
    next: String,
    broken: String,
}

impl MachineSetup {
    /// Packs the releases and makes the machine's parts.
    pub(crate) fn make() -> Result<Self> {
        let folder = Folder::fresh("powercut")?;
        let engine = Engine::shared()?;
        let parts = Parts::make(&engine).context("make the machine")?;
        // Whoever else tests in this working tree need not wait for the cuts.
        drop(engine);
        let publisher = Publisher::new("powercut")?;
        let images = |version| Ok::<_, anyhow::Error>(vec![publisher.hello_of(version)?]);
        let first = publisher.pack(&Release::new("1.0.0", 1, &images("1.0.0")?))?;
        let next = Next::new("1.1.0", 2, &images("1.1.0")?).pack(&publisher)?;
        let broken = Next::broken(Fault::FailsItsSelfcheck, &images("1.1.0")?).pack(&publisher)?;
        let stick = folder.path.join("stick.img");
        let (installer, host_probe) = (publisher.programs().installer()?, publisher.programs().host_probe()?);
        format_stick(&stick, STICK_SIZE, &[&first, &next, &broken, &publisher.public_key(), &installer, &host_probe])?;
        let bundles = Bundles { first: on_stick(&first), next: on_stick(&next), broken: on_stick(&broken) };
        Ok(Self { parts, stick, folder, bundles })
    }

    /// Records what is cut later: an update, one that fails, and a rollback.
    pub(crate) fn runs(&self) -> Result<Vec<RecordedRun>> {
        let (ground, tenant) = self.install().context("install the first release")?;
        let update = Operation { name: "update", command: update_to(&self.bundles.next), exit: 0 };
        let update = RecordedRun::record(self, update, &ground, &tenant)?;
        let failed = Operation { name: "failing update", command: update_to(&self.bundles.broken), exit: 7 };
        let failed = RecordedRun::record(self, failed, &ground, &tenant)?;
        let back = "landfall-installer rollback --to 1.0.0 --yes --json".to_owned();
        let rollback = Operation { name: "rollback", command: back, exit: 0 };
        let rollback = RecordedRun::record(self, rollback, &update.outcome, &tenant)?;
        Ok(vec![update, failed, rollback])
    }

    /// A file in the setup's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path.join(name)
    }

    /// Boots a machine with `disk`.
    pub(crate) fn boot(&self, disk: &Path, log: Option<&Path>) -> Result<Machine> {
        let mut machine = Machine::boot(&self.parts, disk, &self.stick, log)?;
        machine.until("test \"$(systemctl is-system-running)\" = running || { systemctl --failed; false; }")?;
        Ok(machine)
    }

    /// A disk like `disk`.
    pub(crate) fn copy(&self, disk: &Path, name: &str) -> Result<PathBuf> {
        let copy = self.file(name);
        Command::new("cp").arg("--sparse=always").args([disk, &copy]).quiet().ok()?;
        Ok(copy)
    }

    /// A disk with the first release and a tenant, shut down in good order.
    fn install(&self) -> Result<(PathBuf, Tenant)> {
        let disk = self.copy(&self.parts.disk, "first.img")?;
        let mut machine = self.boot(&disk, None)?;
        let first = &self.bundles.first;
        let trust = format!("--trust {STICK}/landfall.pub --set {LONG_HEALTH_TIMEOUT}");
        machine.ok(&format!("{STICK}/landfall-installer install {first} {trust}"))?;
        let tenant = Tenant::spawn(&mut machine)?;
        machine.shut_down()?;
        Ok((disk, tenant))
    }
}

impl Folder {
    /// An empty folder in the testbed, once no other process has it.
    fn fresh(name: &str) -> Result<Self> {
        let turn = File::create(workspace::folder("")?.join(format!("{name}.lock")))?;
        turn.lock().with_context(|| format!("wait for the other process that uses {name}"))?;
        let path = workspace::fresh_folder(name)?;
        let cleanup = std::process::Command::new("sh")
            // The end of its input is the end of this process, however that comes.
            .args(["-c", "cat >/dev/null; rm -r \"$1\"", "cleanup"])
            .arg(&path)
            .stdin(Stdio::piped())
            // In a group of its own, so that Ctrl-C on the terminal does not end it first.
            .process_group(0)
            .spawn()
            .context("start the folder's cleanup process")?;
        Ok(Self { path, cleanup, _turn: turn })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.cleanup.stdin.take());
        if let Err(error) = self.cleanup.wait() {
            eprintln!("remove {}: {error}", self.path.display());
        }
    }
}

fn update_to(bundle: &str) -> String {
    format!("landfall-installer update {bundle} --yes --json")
}

fn on_stick(bundle: &Path) -> String {
    format!("{STICK}/{}", bundle.file_name().unwrap_or_default().to_string_lossy())
}
