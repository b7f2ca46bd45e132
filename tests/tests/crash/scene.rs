//! An operation made ready: the host as it finds it and as it leaves it, and where it can be disturbed.

use crate::holdings::Holdings;
use crate::operation::{self, Operation};
use crate::site::Site;
use anyhow::{Context as _, Result, bail, ensure};
use landfall_tests::strace::{self, Call, Fault, Point, Trace};
use landfall_tests::{Command, Output};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tempfile::TempDir;

/// How many hosts are worked on side by side.
const WORKERS: usize = 2;

/// A file system in memory: a process that is killed leaves there what it leaves on any other, and syncing takes no time.
const MEMORY: &str = "/dev/shm";

/// How the end of the journal's name looks as the last argument of a call.
const JOURNAL: &str = "/journal.json\")";

/// How many failures of a walk are told: they tend to resemble each other.
const FAILURES_TOLD: usize = 20;

/// An operation made ready.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) title: String,
    operation: Operation,
    site: &'static Site,
    folder: TempDir,
    old: Holdings,
    new: Holdings,
    pub(crate) trace: Trace,
}

/// One host of a scene, as the operation finds it.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) root: PathBuf,
}

impl Scene {
    /// Makes an operation ready.
    pub(crate) fn of(operation: Operation) -> Result<Self> {
        Self::new(operation, operation.name.to_owned(), operation.ground)
    }

    /// The recoveries of what the operation leaves when it is killed between two of its steps.
    pub(crate) fn recoveries(&self) -> impl Iterator<Item = Result<Self>> {
        self.between_steps().into_iter().enumerate().map(|(step, call)| {
            let title = format!("recover from {} after {step} steps", self.title);
            Self::new(operation::RECOVER, title, |site, root| {
                (self.operation.ground)(site, root)?;
                let command = (self.operation.command)(site, root);
                strace::run_with(&command, Fault::Kill, call, &root.with_extension("log")).map(drop)
            })
        })
    }

    /// The moments before the journal says that the next step begins, and the one after it says that the last one does.
    fn between_steps(&self) -> Vec<&Call> {
        let is_journal = |point: &&Point| point.call.name.starts_with("rename") && point.arguments.contains(JOURNAL);
        let journals: Vec<&Point> = self.trace.points.iter().filter(is_journal).collect();
        journals.iter().map(|point| &point.call).chain(journals.last().map(|point| &point.next)).collect()
    }

    fn new(operation: Operation, title: String, ground: impl FnOnce(&Site, &Path) -> Result<()>) -> Result<Self> {
        let site = Site::shared()?;
        let folder = tempfile::Builder::new().prefix("landfall-crash-").tempdir_in(MEMORY)?;
        let before = folder.path().join("before");
        bare(&before)?;
        ground(site, &before).with_context(|| format!("prepare {title}"))?;
        let whole = copy(&before, &folder.path().join("whole"))?;
        let log = whole.with_extension("log");
        let trace = strace::points(&(operation.command)(site, &whole), operation.exit, &whole, &log)?;
        let (old, new) = (Holdings::of(&before)?, Holdings::of(&whole)?);
        ensure!(!trace.points.is_empty(), "{title}: no points: the log is not read right");
        println!("{title}: {} calls change the file system", trace.points.len());
        Ok(Self { title, operation, site, folder, old, new, trace })
    }

    /// Does `trial` to a fresh host for each of `cases`, side by side, and says how many there were.
    pub(crate) fn walk<T: Sync + std::fmt::Display>(
        &self,
        what: &str,
        cases: &[T],
        trial: impl Fn(&Stage<'_>, &T) -> Result<()> + Sync,
    ) -> Result<()> {
        let start = Instant::now();
        let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = |worker: usize| {
            while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = self.stage(worker).and_then(|stage| trial(&stage, case));
                if let (Err(error), Ok(mut failures)) = (outcome, failures.lock()) {
                    failures.push(format!("{}, {case}: {error:#}", self.title));
                }
            }
        };
        std::thread::scope(|scope| {
            for worker in 0..WORKERS {
                let work = &work;
                scope.spawn(move || work(worker));
            }
        });
        let failures = failures.into_inner().unwrap_or_default();
        let told = failures.iter().take(FAILURES_TOLD).cloned().collect::<Vec<_>>().join("\n");
        ensure!(failures.is_empty(), "{} of {} failed:\n{told}", failures.len(), cases.len());
        println!("{}: {what} {} moments in {:.1} s", self.title, cases.len(), start.elapsed().as_secs_f64());
        Ok(())
    }

    /// How the operation ends when nobody disturbs it.
    pub(crate) fn exit(&self) -> i32 {
        self.operation.exit
    }

    /// A host in a folder elsewhere.
    pub(crate) fn stage_at(&self, root: &Path) -> Result<Stage<'_>> {
        copy(&self.folder.path().join("before"), root).map(|root| Stage { scene: self, root })
    }

    fn stage(&self, worker: usize) -> Result<Stage<'_>> {
        self.stage_at(&self.folder.path().join(format!("worker-{worker}")))
    }
}

impl Stage<'_> {
    /// The operation, undisturbed by us.
    pub(crate) fn operate(&self) -> Result<Output> {
        self.command().run()
    }

    /// The operation, to which `fault` happens at `call`.
    pub(crate) fn disturbed(&self, fault: Fault, call: &Call) -> Result<Output> {
        let log = self.root.with_extension("log");
        strace::run_with(&self.command(), fault, call, &log).map(|(output, _)| output)
    }

    fn command(&self) -> Command {
        (self.scene.operation.command)(self.scene.site, &self.root)
    }

    pub(crate) fn recover(&self) -> Result<()> {
        self.scene.site.run(&self.root, &["recover"]).ok().context("recover").map(drop)
    }

    /// Whether an operation is under way, as `recover` sees it.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.root.join("var/lib/landfall/state/journal.json").exists()
    }

    pub(crate) fn is_old_or_new(&self) -> Result<()> {
        let now = Holdings::of(&self.root)?;
        let (from_old, from_new) = (self.scene.old.difference(&now), self.scene.new.difference(&now));
        if from_old.is_empty() || from_new.is_empty() {
            return Ok(());
        }
        bail!("the host is neither as before:\n{from_old}nor as it was to be:\n{from_new}");
    }

    pub(crate) fn is_old(&self) -> Result<()> {
        let difference = self.scene.old.difference(&Holdings::of(&self.root)?);
        ensure!(difference.is_empty(), "the host is not as before:\n{difference}");
        Ok(())
    }

    pub(crate) fn is_new(&self) -> Result<()> {
        let now = Holdings::of(&self.root)?;
        let difference = self.scene.new.difference(&now);
        ensure!(difference.is_empty(), "the host is not as it was to be:\n{difference}");
        ensure!(now.staged == 0, "{} blobs are still in the staging folder", now.staged);
        Ok(())
    }

    /// The same command again, undisturbed.
    pub(crate) fn again(&self) -> Result<()> {
        self.operate()?.exits(self.scene.operation.exit).context("the same command again")?;
        self.is_new().context("after the same command again")
    }
}

/// A host's folders as they are before Landfall comes.
fn bare(root: &Path) -> Result<()> {
    for folder in ["etc/systemd/system", "opt", "usr/local/bin", "var/lib"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<PathBuf> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    Command::new("cp").arg("-a").args([from, to]).ok()?;
    Ok(to.to_owned())
}
