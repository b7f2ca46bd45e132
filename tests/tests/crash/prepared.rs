//! An operation made ready: the host as it finds it and as it leaves it, and where it can be disturbed.

use crate::fixtures::Fixtures;
use crate::host_state::HostState;
use crate::operation::{self, Operation};
use anyhow::{Context as _, Result, bail, ensure};
use landfall_tests::stand_in::Order;
use landfall_tests::strace::{self, Call, Fault, Point, Trace};
use landfall_tests::{Command, Output};
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tempfile::TempDir;

/// A host's root in its folder, beside what the tests note about it.
const HOST: &str = "host";

/// How many hosts are worked on side by side.
const WORKERS: usize = 2;

/// A file system in memory: a process that is killed leaves there what it leaves on any other, and syncing takes no time.
const MEMORY: &str = "/dev/shm";

/// How the end of the journal's name looks as the last argument of a call.
const JOURNAL: &str = "/journal.json\")";

/// How many failures are printed at most: they tend to resemble each other.
const FAILURES_LISTED: usize = 10;

/// An operation made ready.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) title: String,
    operation: Operation,
    fixtures: &'static Fixtures,
    folder: TempDir,
    old: HostState,
    new: HostState,
    pub(crate) trace: Trace,
}

/// A host in the state that the operation finds.
#[derive(Debug)]
pub(crate) struct HostCopy<'a> {
    pub(crate) prepared: &'a Prepared,
    pub(crate) root: PathBuf,
}

impl Prepared {
    /// Makes an operation ready.
    pub(crate) fn of(operation: Operation) -> Result<Self> {
        Self::new(operation, operation.name.to_owned(), operation.setup)
    }

    /// The recoveries of what the operation leaves when it is killed between two of its steps.
    pub(crate) fn recoveries(&self) -> impl Iterator<Item = Result<Self>> {
        self.between_steps().into_iter().enumerate().map(|(step, call)| {
            let title = format!("recover from {} after {step} steps", self.title);
            Self::new(operation::RECOVER, title, |fixtures, root| {
                (self.operation.setup)(fixtures, root)?;
                self.disturb(root, Fault::Kill, call).map(drop)
            })
        })
    }

    /// The points before each record of the journal that a step begins, and the one after the last such record.
    fn between_steps(&self) -> Vec<&Call> {
        let is_journal = |point: &&Point| point.call.name.starts_with("rename") && point.arguments.contains(JOURNAL);
        let journals: Vec<&Point> = self.trace.points.iter().filter(is_journal).collect();
        journals.iter().map(|point| &point.call).chain(journals.last().map(|point| &point.next)).collect()
    }

    fn new(operation: Operation, title: String, setup: impl FnOnce(&Fixtures, &Path) -> Result<()>) -> Result<Self> {
        let fixtures = Fixtures::shared()?;
        let folder = tempfile::Builder::new().prefix("landfall-crash-").tempdir_in(MEMORY)?;
        let before = folder.path().join("before").join(HOST);
        bare(&before)?;
        setup(fixtures, &before).with_context(|| format!("prepare {title}"))?;
        let whole = copy(&before, &folder.path().join("whole"))?;
        let trace = strace::points(&(operation.command)(fixtures, &whole), operation.exit, &whole, &log_of(&whole))?;
        let (old, new) = (HostState::of(&before)?, HostState::of(&whole)?);
        ensure!(!trace.points.is_empty(), "{title}: no points: the log is not read right");
        tell(format_args!("{title}: {} calls change the file system", trace.points.len()));
        Ok(Self { title, operation, fixtures, folder, old, new, trace })
    }

    /// Runs `trial` on a fresh host for each of `cases`, in parallel, and prints their number.
    pub(crate) fn try_each<T: Sync + std::fmt::Display>(
        &self,
        what: &str,
        cases: &[T],
        trial: impl Fn(&HostCopy<'_>, &T) -> Result<()> + Sync,
    ) -> Result<()> {
        let start = Instant::now();
        let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = |worker: usize| {
            while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = self.copy(worker).and_then(|copy| trial(&copy, case));
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
        let list = failures.iter().take(FAILURES_LISTED).cloned().collect::<Vec<_>>().join("\n");
        ensure!(failures.is_empty(), "{} of {} failed:\n{list}", failures.len(), cases.len());
        let seconds = start.elapsed().as_secs_f64();
        tell(format_args!("{}: {what} {} points in {seconds:.1} s", self.title, cases.len()));
        Ok(())
    }

    /// Where its hosts live.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether it settles what was interrupted.
    pub(crate) fn is_recovery(&self) -> bool {
        self.operation.name == operation::RECOVER.name
    }

    /// How the operation ends when nobody disturbs it.
    pub(crate) fn exit(&self) -> i32 {
        self.operation.exit
    }

    /// Does the operation to the host below `root`, with `fault` at `call`.
    fn disturb(&self, root: &Path, fault: Fault, call: &Call) -> Result<Output> {
        let (command, log) = ((self.operation.command)(self.fixtures, root), log_of(root));
        if call.program == 0 {
            return strace::run_with(&command, fault, call, &log);
        }
        let started = self.trace.programs.iter().take(call.program);
        let run = started.filter(|program| program.contains("/opt/landfall/")).count();
        let order = Order::place(root, run, fault, call, &log)?;
        let output = command.run()?;
        order.withdraw()?;
        strace::happened(fault, call, &log, output)
    }

    /// A host in a folder elsewhere.
    pub(crate) fn copy_at(&self, folder: &Path) -> Result<HostCopy<'_>> {
        copy(&self.folder.path().join("before").join(HOST), folder).map(|root| HostCopy { prepared: self, root })
    }

    fn copy(&self, worker: usize) -> Result<HostCopy<'_>> {
        self.copy_at(&self.folder.path().join(format!("worker-{worker}")))
    }
}

impl HostCopy<'_> {
    /// The operation, undisturbed by us.
    pub(crate) fn operate(&self) -> Result<Output> {
        self.command().run()
    }

    /// The operation, stopped when its journal has just been written for the first time, which is when `act` acts.
    pub(crate) fn stopped_once_begun(&self, act: impl FnOnce() -> Result<()>) -> Result<Output> {
        let begun = self.prepared.between_steps().into_iter().next().context("it writes no journal")?;
        strace::run_stopped_after(&self.command(), begun, &log_of(&self.root), act)
    }

    /// The operation, to which `fault` happens at `call`.
    pub(crate) fn disturbed(&self, fault: Fault, call: &Call) -> Result<Output> {
        self.prepared.disturb(&self.root, fault, call)
    }

    fn command(&self) -> Command {
        (self.prepared.operation.command)(self.prepared.fixtures, &self.root)
    }

    pub(crate) fn recover(&self) -> Result<()> {
        self.prepared.fixtures.run(&self.root, &["recover"]).ok().context("recover").map(drop)
    }

    /// Whether an operation is under way, as `recover` sees it.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.root.join("var/lib/landfall/state/journal.json").exists()
    }

    /// What the host holds now; what it says that was done to it must hold together.
    fn state(&self) -> Result<HostState> {
        self.prepared.fixtures.run(&self.root, &["receipts", "--verify"]).ok()?;
        HostState::of(&self.root)
    }

    pub(crate) fn is_old_or_new(&self) -> Result<()> {
        let now = self.state()?;
        let (from_old, from_new) = (self.prepared.old.difference(&now), self.prepared.new.difference(&now));
        if from_old.is_empty() || from_new.is_empty() {
            return Ok(());
        }
        bail!("the host is neither as before:\n{from_old}nor as it was to be:\n{from_new}");
    }

    pub(crate) fn is_old(&self) -> Result<()> {
        let difference = self.prepared.old.difference(&self.state()?);
        ensure!(difference.is_empty(), "the host is not as before:\n{difference}");
        Ok(())
    }

    pub(crate) fn is_new(&self) -> Result<()> {
        let difference = self.prepared.new.difference(&self.state()?);
        ensure!(difference.is_empty(), "the host is not as it was to be:\n{difference}");
        Ok(())
    }

    /// The bytes of the blobs that wait in the staging folder.
    pub(crate) fn staged_bytes(&self) -> Result<u64> {
        HostState::of(&self.root).map(|state| state.staged)
    }

    /// Does the operation, undisturbed, and counts the bytes that it reads from `media`, a file or a folder.
    pub(crate) fn bytes_read(&self, media: &Path) -> Result<u64> {
        strace::bytes_read(&self.command(), media, &log_of(&self.root))
    }

    /// The same command again, undisturbed. It also clears what was staged.
    pub(crate) fn again(&self) -> Result<()> {
        self.operate()?.exits(self.prepared.operation.exit).context("the same command again")?;
        self.is_new().context("after the same command again")?;
        let (staged, expected) = (self.staged_bytes()?, self.prepared.new.staged);
        ensure!(staged <= expected, "{staged} bytes are still in the staging folder");
        Ok(())
    }
}

/// A host's folders as they are before Landfall comes.
fn bare(root: &Path) -> Result<()> {
    for folder in ["etc/systemd/system", "opt", "usr/local/bin", "var/lib"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    Ok(())
}

/// Copies the host below `from` into a folder of its own, and returns its root.
fn copy(from: &Path, folder: &Path) -> Result<PathBuf> {
    let to = folder.join(HOST);
    if to.exists() {
        std::fs::remove_dir_all(&to)?;
    }
    std::fs::create_dir_all(folder)?;
    Command::new("cp").arg("-a").args([from, &to]).ok()?;
    Ok(to)
}

/// Where strace writes about the host below `root`.
fn log_of(root: &Path) -> PathBuf {
    root.with_file_name("log")
}

/// Prints to standard error, which is shown for tests that pass, too: the counts are their result.
fn tell(what: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{what}");
}
