//! Old or new, never in between: the installer is killed before each system call by which it changes the file system, then
//! recovery must leave exactly what was or exactly what was to be, and the same command must succeed.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::strace::{Point, kill_at, points};
use landfall_tests::{Command, FileList, Image, Publisher, Release, workspace};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many points of an operation continuous integration walks through, some six a second; `LANDFALL_CRASH_POINTS=all`
/// walks through all.
const SAMPLE: usize = 350;

/// How many roots of an operation are worked on side by side.
const WORKERS: usize = 2;

/// What differs from one install to the next: a random token, and when the installation was done.
const VARYING: [&str; 2] = ["etc/landfall/admin.token", "var/lib/landfall/state/installed.json"];

/// An installer with a bundle for it.
struct Site {
    installer: PathBuf,
    bundle: PathBuf,
    key: PathBuf,
}

impl Site {
    fn new(name: &str) -> Result<Self> {
        let publisher = Publisher::new(name)?;
        // The smallest static program stands in for the two large ones: what is copied matters little, how matters.
        let stand_in = publisher.programs().hello()?;
        let more = format!("[runtime]\nbinary = \"{0}\"\ninstaller = \"{0}\"\n", stand_in.display());
        let images: Vec<Image> = vec![publisher.hello()?];
        let bundle = publisher.pack(&Release { version: "1.0.0".to_owned(), serial: 1, images, more })?;
        Ok(Self { installer: publisher.programs().installer()?, bundle, key: publisher.public_key() })
    }

    fn command(&self, root: &Path, words: &[&str]) -> Command {
        Command::new(&self.installer).arg("--root").arg(root).args(["--engine", "none", "--no-systemd"]).args(words)
    }

    fn install(&self, root: &Path) -> Command {
        self.command(root, &["install"]).arg(&self.bundle).arg("--trust").arg(&self.key)
    }

    fn uninstall(&self, root: &Path) -> Command {
        self.command(root, &["uninstall", "--purge", "--yes"])
    }
}

/// What is killed, and what there is before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Install,
    Uninstall,
}

impl Operation {
    /// A root as the operation finds it.
    fn ground(self, site: &Site, name: &str) -> Result<PathBuf> {
        let root = bare(&format!("{self:?}-{name}"))?;
        if self == Self::Uninstall {
            site.install(&root).ok()?;
        }
        Ok(root)
    }

    fn command(self, site: &Site, root: &Path) -> Command {
        match self {
            Self::Install => site.install(root),
            Self::Uninstall => site.uninstall(root),
        }
    }
}

/// What a root looks like before and after an operation.
struct Lists {
    old: FileList,
    new: FileList,
}

fn list(root: &Path) -> Result<FileList> {
    Ok(FileList::of_folder(root)?.without_content(&VARYING))
}

/// A host's folders as they are before Landfall comes.
fn bare(name: &str) -> Result<PathBuf> {
    let root = workspace::fresh_folder(&format!("crash/{name}"))?;
    for folder in ["etc/systemd/system", "opt", "usr/local/bin", "var/lib"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    Ok(root)
}

/// Kills one operation at `point`; `Err` tells how the host was left in between.
fn killed_at(site: &Site, operation: Operation, point: &Point, worker: usize, lists: &Lists) -> Result<()> {
    let root = operation.ground(site, &format!("worker-{worker}"))?;
    let killed = kill_at(&operation.command(site, &root), point)?;
    ensure!(killed.code == 137, "was not killed, but ended with {}: {}", killed.code, killed.said());
    site.command(&root, &["recover"]).ok().context("recover")?;
    let after = list(&root)?;
    let (from_old, from_new) = (lists.old.difference(&after), lists.new.difference(&after));
    ensure!(
        from_old.is_empty() || from_new.is_empty(),
        "after recovery the host is neither as before:\n{from_old}nor as it was to be:\n{from_new}"
    );
    operation.command(site, &root).ok().context("the same command again")?;
    let difference = lists.new.difference(&list(&root)?);
    ensure!(difference.is_empty(), "after the same command again\n{difference}");
    Ok(())
}

/// Every point, or a sample that the printed seed brings back.
fn chosen(mut all: Vec<Point>) -> Result<Vec<Point>> {
    if std::env::var("LANDFALL_CRASH_POINTS").is_ok_and(|points| points == "all") || all.len() <= SAMPLE {
        return Ok(all);
    }
    let seed = match std::env::var("LANDFALL_CRASH_SEED") {
        Ok(seed) => seed.parse().context("LANDFALL_CRASH_SEED is a number")?,
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    println!("a sample: LANDFALL_CRASH_SEED={seed} brings it back, `make crash` walks through all");
    // Any spread will do: a linear congruential step (Knuth's MMIX constants) picks the next point.
    let mut state: u64 = seed;
    let mut sample = Vec::new();
    while sample.len() < SAMPLE {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = usize::try_from(state >> 33)? % all.len();
        sample.push(all.swap_remove(index));
    }
    Ok(sample)
}

/// Finds every point of `operation`, and walks through them.
fn killed_anywhere(operation: Operation) -> Result<()> {
    let site = Site::new(&format!("crash-{operation:?}"))?;
    let root = operation.ground(&site, "whole")?;
    let old = list(&root)?;
    let log = workspace::folder("crash")?.join(format!("{operation:?}.log"));
    let found = points(&operation.command(&site, &root), &root, &log)?;
    let lists = Lists { old, new: list(&root)? };
    ensure!(!lists.old.difference(&lists.new).is_empty(), "{operation:?} changed nothing");

    let (total, calls) = (found.points.len(), found.calls);
    let walked = chosen(found.points)?;
    println!(
        "{operation:?}: {calls} calls that change the file system, {total} points, {} walked through",
        walked.len()
    );
    ensure!(total > 50, "only {total} points: the log is not read right");
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (site, walked, next, failures, lists) = (&site, &walked, &next, &failures, &lists);
            scope.spawn(move || {
                while let Some(point) = walked.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = killed_at(site, operation, point, worker, lists)
                        && let Ok(mut failures) = failures.lock()
                    {
                        failures.push(format!("killed before {} number {}: {error:#}", point.call, point.nth));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    ensure!(failures.is_empty(), "{} of {} points:\n{}", failures.len(), walked.len(), failures.join("\n"));
    Ok(())
}

#[test]
fn an_install_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    killed_anywhere(Operation::Install)
}

#[test]
fn an_uninstall_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    killed_anywhere(Operation::Uninstall)
}
