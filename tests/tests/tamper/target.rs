//! A host that has to stay as it is, and the command that a bundle is given to.

use anyhow::{Result, ensure};
use landfall_tests::{Command, FolderHost, Snapshot};
use std::path::Path;
use std::time::Duration;

/// How a changed bundle may end: damaged, not trusted, refused by policy.
const REFUSALS: [i32; 3] = [3, 4, 5];
/// How a difference shows a blob that waits in the staging folder.
const STAGED: &str = "+ var/lib/landfall/store/incoming/";
/// The longest that the installer may take for a few kilobytes.
const LIMIT: Duration = Duration::from_mins(10);

/// What is done with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// On a host where a release is installed, whose keys count.
    Verify,
    /// On a bare host.
    Install,
    /// On a host where a release is installed.
    Update,
}

impl Operation {
    pub(crate) const ALL: [Self; 3] = [Self::Verify, Self::Install, Self::Update];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Install => "install",
            Self::Update => "update",
        }
    }

    fn command(self, host: &FolderHost, bundle: &Path, key: &str) -> Command {
        match self {
            Self::Verify => host.verify(bundle),
            Self::Install => host.install(bundle, key),
            Self::Update => host.update(bundle),
        }
    }
}

/// One operation and a host of its own for it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) operation: Operation,
    key: String,
    pristine: FolderHost,
    host: FolderHost,
    before: Snapshot,
}

impl Target {
    /// A target whose host is a copy of `pristine` in `folder`.
    pub(crate) fn new(operation: Operation, pristine: FolderHost, folder: &Path, key: String) -> Result<Self> {
        let host = pristine.copied_to(&folder.join(operation.word()))?;
        Ok(Self { before: host.snapshot()?, operation, key, pristine, host })
    }

    /// The untouched bundle is taken.
    pub(crate) fn takes(&self, bundle: &Path) -> Result<()> {
        self.operation.command(&self.host, bundle, &self.key).run()?.exits(0)?;
        let changed = !self.before.difference(&self.host.snapshot()?).is_empty();
        ensure!(
            changed == (self.operation != Operation::Verify),
            "{}: the host is changed: {changed}",
            self.operation.word()
        );
        Ok(())
    }

    /// Gives the exit code, and what is wrong if the bundle was not refused, or was and yet the host is not as before.
    pub(crate) fn refuses(&mut self, bundle: &Path, may_stage: bool) -> Result<(i32, Option<String>)> {
        let word = self.operation.word();
        let output = self.operation.command(&self.host, bundle, &self.key).quiet().limit(LIMIT).run()?;
        let difference = self.before.difference(&self.host.snapshot()?);
        if !difference.is_empty() {
            self.host = self.pristine.copied_to(&self.host.path(""))?;
            self.before = self.host.snapshot()?;
        }
        let staged = |line: &&str| may_stage && line.starts_with(STAGED);
        let changed: Vec<&str> = difference.lines().filter(|line| !staged(line)).collect();
        let refused = REFUSALS.contains(&output.code) && output.stderr.lines().any(|line| line.starts_with("error: "));
        let wrong = if changed.is_empty() {
            (!refused).then(|| format!("{word} ends with {}: {}", output.code, output.text()))
        } else {
            Some(format!("{word} ends with {} and changes\n{}", output.code, changed.join("\n")))
        };
        Ok((output.code, wrong))
    }
}
