//! Where changed bundles are tried: hosts in memory, and the real installer.

use crate::attack::{Attack, Kind};
use crate::counts::Counts;
use crate::sample;
use crate::target::{Operation, Target};
use anyhow::{Context as _, Result, ensure};
use landfall_keys::SecretKey;
use landfall_tests::tar::Archive;
use landfall_tests::{FileList, FolderHost, MEMORY, Programs, SmallRelease, tell};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tempfile::TempDir;

/// How many failures are printed at most: they tend to resemble each other.
const FAILURES_LISTED: usize = 10;

/// A bundle that is attacked, another one of the same publisher, and hosts that take both.
#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) key: SecretKey,
    /// What is attacked: a first installation on one host, an update on the other.
    pub(crate) release: SmallRelease,
    /// Its bundle.
    pub(crate) bytes: Vec<u8>,
    /// The bundle of the release after it.
    pub(crate) later: Vec<u8>,
    bare: FolderHost,
    after_one: FolderHost,
    folder: TempDir,
}

impl Harness {
    /// The one harness of all tests. They take turns: each of them uses all cores.
    pub(crate) fn turn() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new harness, whose hosts take the untouched bundle: what would refuse everything proves nothing.
    pub(crate) fn new() -> Result<Self> {
        let installer = Programs::build()?.installer()?;
        let folder = tempfile::Builder::new().prefix("landfall-tamper-").tempdir_in(MEMORY)?;
        let (key, release) = (SecretKey::generate()?, SmallRelease::new("1.1.0", 2)?);
        let (bytes, later) = (release.pack(&key)?, SmallRelease::new("1.2.0", 3)?.pack(&key)?);
        let bare = FolderHost::bare(&folder.path().join("bare"), &installer)?;
        let after_one = bare.copied_to(&folder.path().join("installed"))?;
        let bundle = folder.path().join("bundle");
        std::fs::write(&bundle, SmallRelease::new("1.0.0", 1)?.pack(&key)?)?;
        after_one.install(&bundle, &key.public_key().to_line()).ok().context("install the release before")?;
        let mut harness = Self { key, release, bytes: Vec::new(), later, bare, after_one, folder };
        harness.attack(harness.later.clone())?;
        harness.attack(bytes)?;
        Ok(harness)
    }

    /// Attacks this bundle from now on, if it is taken as it is.
    pub(crate) fn attack(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.takes(&Attack::new("untouched", bytes.clone()))?;
        self.bytes = bytes;
        Ok(())
    }

    /// What is on this medium is taken by every command.
    pub(crate) fn takes(&self, attack: &Attack) -> Result<()> {
        let bundle = attack.write(&self.folder.path().join("control-media"))?;
        self.targets("control")?.iter().try_for_each(|target| target.takes(&bundle)).context("the untouched bundle")
    }

    /// A bundle on the media.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let bundle = self.folder.path().join(format!("{name}-bundle"));
        std::fs::write(&bundle, bytes)?;
        Ok(bundle)
    }

    /// A host on which this bundle, and no other, is installed.
    pub(crate) fn host_with(&self, name: &str, bytes: &[u8]) -> Result<FolderHost> {
        let host = self.bare.copied_to(&self.folder.path().join(name))?;
        host.install(&self.put(name, bytes)?, &self.key.public_key().to_line()).ok()?;
        Ok(host)
    }

    /// What lies on a host that this bundle was brought in to over the release before.
    pub(crate) fn updated(&self, name: &str, bytes: &[u8]) -> Result<FileList> {
        let host = self.after_one.copied_to(&self.folder.path().join(name))?;
        host.update(&self.put(name, bytes)?).ok()?;
        Ok(host.files()?.filtered(|path| !varies(path)))
    }

    /// The bundle, taken apart.
    pub(crate) fn archive(&self) -> Result<Archive> {
        let archive = Archive::parse(&self.bytes)?;
        ensure!(archive.bytes() == self.bytes, "the bundle is not put together as it was");
        Ok(archive)
    }

    fn targets(&self, name: &str) -> Result<Vec<Target>> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        let target = |operation| {
            let host = if operation == Operation::Install { &self.bare } else { &self.after_one };
            Target::new(operation, host.clone(), &folder, self.key.public_key().to_line())
        };
        Operation::ALL.into_iter().map(target).collect()
    }

    /// Every attack of the kind, or a sample, is refused, and the hosts stay as before. The counts are printed.
    pub(crate) fn refuses(&self, kind: &Kind<'_>) -> Result<()> {
        let (start, cases) = (Instant::now(), sample::of(kind.count)?);
        ensure!(!cases.is_empty(), "{}: there is none", kind.name);
        let (next, sum) = (AtomicUsize::new(0), Mutex::new((Counts::default(), Vec::new())));
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let (next, sum, cases) = (&next, &sum, &cases);
                scope.spawn(move || {
                    let (counts, mut failures) = self.work(&format!("worker-{worker}"), kind, cases, next);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.0.absorb(counts);
                    sum.1.append(&mut failures);
                });
            }
        });
        let (counts, failures) = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (tried, of, seconds) = (cases.len(), kind.count, start.elapsed().as_secs_f64());
        tell(format_args!("tamper: {}: {tried} of {of} tried in {seconds:.1} s: {counts}", kind.name));
        let list = failures.iter().take(FAILURES_LISTED).cloned().collect::<Vec<_>>().join("\n");
        ensure!(failures.is_empty(), "{}: {} failures of {tried}:\n{list}", kind.name, failures.len());
        Ok(())
    }

    fn work(&self, name: &str, kind: &Kind<'_>, cases: &[usize], next: &AtomicUsize) -> (Counts, Vec<String>) {
        let (mut counts, mut failures) = (Counts::default(), Vec::new());
        let media = self.folder.path().join(format!("{name}-media"));
        let mut targets = match self.targets(name) {
            Ok(targets) => targets,
            Err(error) => return (counts, vec![format!("{error:#}")]),
        };
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let attack = (kind.make)(*case);
            if attack.is(&self.bytes) || attack.is(&self.later) {
                counts.skip();
                continue;
            }
            if let Err(error) = try_on(&mut targets, &media, &attack, &mut counts) {
                failures.push(format!("{}: {error:#}", attack.title));
            }
        }
        (counts, failures)
    }
}

fn try_on(targets: &mut [Target], media: &Path, attack: &Attack, counts: &mut Counts) -> Result<()> {
    let bundle = attack.write(media)?;
    let mut wrong = Vec::new();
    for target in targets {
        let (exit, complaint) = target.refuses(&bundle, attack.may_stage)?;
        counts.add(target.operation.word(), exit);
        wrong.extend(complaint);
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// What differs from one installation to the next: times in records, and what is drawn by chance.
fn varies(path: &str) -> bool {
    ["state/installed.json", "state/host.", "state/receipts/", "admin.token"].iter().any(|part| path.contains(part))
}
