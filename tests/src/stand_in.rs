//! What the tests pack in place of a release's programs: a small one that runs the real one, so that releases are small; and
//! where that is ordered, one of its runs goes under strace.
//!
//! The program is `stand-in`. Its release's folder says in [`FOLDER`] which program it stands for; where it says nothing, the
//! release's program is broken.

use crate::strace::{Call, Fault};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// The folder in a release's own that names the real programs: a file by the stand-in's name, whose content is a path.
pub const FOLDER: &str = "stand-in";

/// The program below a host's root that `stand_in` stands for.
pub fn real_program(stand_in: &Path) -> Result<PathBuf> {
    let mut release = stand_in.ancestors().nth(2).context("not in a release's bin/")?.to_owned();
    if release.ends_with("opt/landfall") {
        // The copy outside the releases, which serves the one that runs.
        release.push("current");
    }
    let name = release.join(FOLDER).join(stand_in.file_name().context("no name")?);
    let real = std::fs::read_to_string(&name).with_context(|| format!("read {}", name.display()))?;
    Ok(real.into())
}

/// An order to the stand-ins of one host: what one of their runs goes under. It lies beside the host's root.
#[derive(Debug)]
pub struct Order {
    file: PathBuf,
}

impl Order {
    fn of_host(root: &Path) -> Self {
        Self { file: root.with_file_name("order") }
    }

    /// The order to the program at `stand_in`, if there is one.
    pub fn to(stand_in: &Path) -> Option<Self> {
        let root = stand_in.ancestors().find(|folder| folder.ends_with("opt/landfall"))?.ancestors().nth(2)?;
        Some(Self::of_host(root)).filter(|order| order.file.exists())
    }

    /// Orders that `fault` happens at `call` of the stand-ins' run number `run`, counted from 1, on the host below `root`.
    pub fn place(root: &Path, run: usize, fault: Fault, call: &Call, log: &Path) -> Result<Self> {
        let order = Self::of_host(root);
        std::fs::write(order.runs(), "")?;
        // What an earlier run noted there would be mistaken for this one's.
        std::fs::write(log, "")?;
        // The order last: a stand-in that runs in between finds none, and counts nothing.
        std::fs::write(&order.file, format!("{run}\n{}", fault.options(call, log).join("\n")))?;
        Ok(order)
    }

    /// Counts one run, and returns strace's options if it is the one.
    pub fn begin_run(&self) -> Result<Option<Vec<String>>> {
        // A dot a run: the file's length counts them.
        let so_far = std::fs::read_to_string(self.runs())? + ".";
        std::fs::write(self.runs(), &so_far)?;
        let text = std::fs::read_to_string(&self.file)?;
        let mut lines = text.lines().map(str::to_owned);
        let run: usize = lines.next().context("an empty order")?.parse()?;
        // Runs of one operation follow one another, so that the file needs no lock.
        Ok((run == so_far.len()).then(|| lines.collect()))
    }

    /// There is no order any longer.
    pub fn withdraw(self) -> Result<()> {
        std::fs::remove_file(self.runs())?;
        Ok(std::fs::remove_file(self.file)?)
    }

    fn runs(&self) -> PathBuf {
        self.file.with_extension("runs")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn only_the_run_that_is_meant_goes_under_strace() {
        let folder = tempfile::tempdir().unwrap();
        let (root, log) = (folder.path().join("host"), folder.path().join("log"));
        let program = root.join("opt/landfall/releases/1.0.0-1/bin/landfall");
        assert!(Order::to(&program).is_none());
        let call = Call { program: 1, name: "rename".to_owned(), nth: 7 };
        let placed = Order::place(&root, 2, Fault::Kill, &call, &log).unwrap();
        let begin = || Order::to(&program).unwrap().begin_run().unwrap();
        assert_eq!(begin(), None);
        assert_eq!(begin(), Some(Fault::Kill.options(&call, &log)));
        assert_eq!(begin(), None);
        placed.withdraw().unwrap();
        assert!(Order::to(&program).is_none());
    }
}
