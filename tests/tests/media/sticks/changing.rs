//! A stick that changes what it holds while it is read gains nothing: what was hashed is installed, or nothing is.

use super::fixtures::{BUNDLE, Fixtures, HONEST, brought, refused};
use anyhow::{Context as _, Result, ensure};
use landfall_tests::{Command, FileList, FolderHost, HostileStick, ReadFault, Snapshot, tell};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many hosts are worked on side by side.
const WORKERS: usize = 2;

/// What is done with the bundle.
type Action = fn(&FolderHost, &Path, &str) -> Command;

/// A host as it is before, and what an honest stick makes of it.
struct ReadScenario<'a> {
    fixtures: &'a Fixtures,
    word: &'static str,
    action: Action,
    before: FolderHost,
    bundle: Vec<u8>,
    honest: FileList,
    /// How often an honest stick is read.
    calls: usize,
}

impl<'a> ReadScenario<'a> {
    fn new(
        fixtures: &'a Fixtures,
        word: &'static str,
        serial: u64,
        before: FolderHost,
        action: Action,
    ) -> Result<Self> {
        let bundle = fixtures.bundle(serial)?;
        let stick = HostileStick::plugged(HONEST)?;
        let path = stick.put(BUNDLE, &bundle);
        let host = before.copied_to(&fixtures.folder.path().join(format!("{word}-honest")))?;
        action(&host, &path, &fixtures.line()).ok()?;
        let (honest, calls) = (brought(&host)?, stick.reads(BUNDLE).calls());
        Ok(Self { fixtures, word, action, before, bundle, honest, calls })
    }

    /// Does the action once with each of `faults`, and counts how it ends.
    fn walk(&self, what: &str, faults: &[ReadFault]) -> Result<()> {
        let next = AtomicUsize::new(0);
        let work = |worker: usize| -> Result<BTreeMap<i32, usize>> {
            let stick = HostileStick::plugged(HONEST)?;
            let path = stick.put(BUNDLE, &self.bundle);
            let mut ends = BTreeMap::new();
            while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                stick.inject(BUNDLE, fault.clone());
                let folder = format!("{}-{worker}", self.word);
                let code = self.trial(&path, &folder).with_context(|| self.progress(what, &stick))?;
                *ends.entry(code).or_default() += 1;
            }
            Ok(ends)
        };
        let mut ends = BTreeMap::<i32, usize>::new();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
            for worker in workers {
                for (code, count) in worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))? {
                    *ends.entry(code).or_default() += count;
                }
            }
            anyhow::Ok(())
        })?;
        let counts: Vec<String> = ends.iter().map(|(code, count)| format!("exit {code} × {count}")).collect();
        tell(format_args!("{}, {what}: {}", self.word, counts.join(", ")));
        Ok(())
    }

    /// The honest release arrives whole, or the host stays as it was, to the bit.
    fn trial(&self, path: &Path, folder: &str) -> Result<i32> {
        let host = self.before.copied_to(&self.fixtures.folder.path().join(folder))?;
        let before: Snapshot = host.snapshot()?;
        let output = (self.action)(&host, path, &self.fixtures.line()).quiet().run()?;
        if output.code == 0 {
            let difference = self.honest.difference(&brought(&host)?);
            ensure!(difference.is_empty(), "something else than the honest release was installed:\n{difference}");
            return Ok(0);
        }
        let code = refused(&output, &[3, 4])?;
        let difference = before.difference(&host.snapshot()?);
        ensure!(difference.is_empty(), "refused, and yet the host is changed:\n{difference}\n{}", output.text());
        Ok(code)
    }

    fn progress(&self, what: &str, stick: &HostileStick) -> String {
        format!("{}, {what}, after {} reads", self.word, stick.reads(BUNDLE).calls())
    }

    fn gains_nothing(&self, serial: u64) -> Result<()> {
        let noise: Arc<[u8]> = self.bundle.iter().map(|byte| byte ^ 0x40).collect();
        for (what, other) in [("the attacker's bundle", self.fixtures.attackers_bundle(serial)?), ("noise", noise)] {
            let at = |call| ReadFault::ChangesAtCall(call, Arc::clone(&other));
            let faults: Vec<ReadFault> = (0..=self.calls).map(at).collect();
            self.walk(&format!("{what} from each of {} reads on", self.calls), &faults)?;
            self.walk(&format!("{what} at every second look"), &[ReadFault::ChangesOnceRead(other)])?;
        }
        Ok(())
    }
}

#[test]
fn an_installation_is_of_what_was_hashed() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let before = fixtures.bare("bare")?;
    ReadScenario::new(&fixtures, "install", 1, before, FolderHost::install)?.gains_nothing(1)
}

#[test]
fn an_update_is_to_what_was_hashed() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let before = fixtures.installed("installed")?;
    ReadScenario::new(&fixtures, "update", 2, before, |host, path, _| host.update(path))?.gains_nothing(2)
}
