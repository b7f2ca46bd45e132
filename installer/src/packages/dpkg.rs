//! Debian's package manager, dpkg(1). It needs no network and no apt: files are given to it, and it checks what they need.

use super::error::DpkgError;
use super::record::AddedPackage;
use landfall_host::subprocess::{CapturedOutput, Subprocess};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long it may take to install or to remove an engine: minutes on slow disks.
const TIMEOUT: Duration = Duration::from_mins(30);
/// What it may say, in bytes: lists of packages, and what maintainer scripts print.
const OUTPUT: usize = 16 << 20;
/// How long to wait for another dpkg, such as the one that a killed installer has left at work.
const PATIENCE: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_millis(500);
/// What it says when another one is at work.
const LOCKED: &str = "lock was locked by another process";

/// What dpkg knows of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Installed,
    /// It was removed, and its configuration is there.
    Configuration,
    /// Somewhere in between.
    Partial,
}

/// The packages that dpkg knows, by name. What is not installed is not among them.
pub(crate) type Statuses = BTreeMap<String, Status>;

/// The package manager of the running system.
#[derive(Debug, Clone)]
pub(crate) struct Dpkg {
    programs: PathBuf,
}

impl Dpkg {
    pub(crate) fn of_this_host() -> Self {
        Self { programs: PathBuf::from("/usr/bin") }
    }

    /// What is installed.
    pub(crate) fn statuses(&self) -> Result<Statuses, DpkgError> {
        let format = "--showformat=${db:Status-Abbrev}\\t${Package}\\n";
        let output = Subprocess::new(self.programs.join("dpkg-query"))
            .args(["--show", format])
            .timeout(TIMEOUT)
            .output_limit(OUTPUT)
            .run()?;
        let output = checked("dpkg-query --show", output)?;
        parse(&String::from_utf8_lossy(&output.stdout)).ok_or(DpkgError::Answer)
    }

    /// Installs packages, all at once: dpkg configures each after what it needs.
    pub(crate) fn install(&self, files: &[PathBuf]) -> Result<(), DpkgError> {
        // No question can be answered: configuration that is there stays, otherwise the package's own is taken.
        let options = ["--force-confdef", "--force-confold", "--install"].map(OsString::from);
        let files = files.iter().map(|file| file.as_os_str().to_owned());
        self.run("dpkg --install", options.into_iter().chain(files)).map(drop)
    }

    /// Takes away packages that were added, last first, whatever state they are in, and what was left of them by half. Those that something else
    /// needs stay.
    ///
    /// # Errors
    /// [`DpkgError::Left`] names those that stay.
    pub(crate) fn take_away(&self, added: &[AddedPackage]) -> Result<(), DpkgError> {
        let known = self.left(added)?;
        let reversed = |with_configuration: bool| -> Vec<OsString> {
            let which = known.iter().rev().filter(|package| with_configuration || !package.had_configuration);
            which.map(|package| package.name.as_str().into()).collect()
        };
        let mut last = Ok(());
        for (what, option, names) in
            [("dpkg --remove", "--remove", reversed(true)), ("dpkg --purge", "--purge", reversed(false))]
        {
            if !names.is_empty() {
                // One that was cut off while it was unpacked is removed without being unpacked again.
                let options = ["--force-remove-reinstreq", option].map(OsString::from);
                last = self.run(what, options.into_iter().chain(names)).map(drop);
            }
        }
        // Triggers of other packages may be waiting since a run that was cut off.
        let triggers = ["--triggers-only", "--pending"].map(OsString::from);
        self.run("dpkg --triggers-only", triggers.into_iter())?;
        let left = self.left(added)?;
        if left.is_empty() {
            return Ok(());
        }
        // Its own words say more than what is left, unless all of it went well.
        last?;
        Err(DpkgError::Left(left.iter().map(|package| package.name.to_string()).collect()))
    }

    /// Whether all of these are installed.
    pub(crate) fn has_all(&self, added: &[AddedPackage]) -> Result<bool, DpkgError> {
        let statuses = self.statuses()?;
        Ok(added.iter().all(|package| statuses.get(package.name.as_str()) == Some(&Status::Installed)))
    }

    /// Those of which more is there than was before.
    fn left<'a>(&self, added: &'a [AddedPackage]) -> Result<Vec<&'a AddedPackage>, DpkgError> {
        let statuses = self.statuses()?;
        let is_left = |package: &&AddedPackage| match statuses.get(package.name.as_str()) {
            None => false,
            Some(Status::Configuration) => !package.had_configuration,
            Some(Status::Installed | Status::Partial) => true,
        };
        Ok(added.iter().filter(is_left).collect())
    }

    /// Runs dpkg, once no other one is at work.
    fn run(&self, what: &'static str, args: impl Iterator<Item = OsString>) -> Result<CapturedOutput, DpkgError> {
        let dpkg = Subprocess::new(self.programs.join("dpkg"))
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .timeout(TIMEOUT)
            .output_limit(OUTPUT);
        let start = Instant::now();
        loop {
            let output = dpkg.run()?;
            if output.code == 0 || !output.stderr_tail.contains(LOCKED) || start.elapsed() > PATIENCE {
                return checked(what, output);
            }
            std::thread::sleep(POLL);
        }
    }
}

fn checked(what: &'static str, output: CapturedOutput) -> Result<CapturedOutput, DpkgError> {
    let CapturedOutput { code, stderr_tail, .. } = &output;
    if *code == 0 { Ok(output) } else { Err(DpkgError::Failed { what, code: *code, words: stderr_tail.clone() }) }
}

/// A line for each package: what is wanted, what it is, and what is wrong, a letter each (dpkg-query(1), `db:Status-Abbrev`); its name.
fn parse(list: &str) -> Option<Statuses> {
    let mut statuses = Statuses::new();
    for line in list.lines() {
        let (status, name) = line.split_once('\t')?;
        let status = match status.get(1..)?.trim_end() {
            "n" => continue,
            "i" => Status::Installed,
            "c" => Status::Configuration,
            _ => Status::Partial,
        };
        // The same name for another architecture: whichever is less whole decides.
        let known = statuses.entry(name.to_owned()).or_insert(status);
        if status == Status::Partial {
            *known = status;
        }
    }
    Some(statuses)
}

impl AddedPackage {
    /// The name of its file on the host, after its place in the order.
    pub(crate) fn file(&self, folder: &Path, place: usize) -> PathBuf {
        folder.join(format!("{place:04}-{}.deb", self.name))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn reads_what_dpkg_knows() {
        use Status::{Configuration, Installed, Partial};
        let list = "ii \truncx\nrc \told\nun \tnever\niU \tunpacked\niHR\tbroken\niF \thalf\nit \ttriggers\n";
        let statuses = parse(list).unwrap();
        let found: Vec<(&str, Status)> = statuses.iter().map(|(name, status)| (name.as_str(), *status)).collect();
        let expected = [
            ("broken", Partial),
            ("half", Partial),
            ("old", Configuration),
            ("runcx", Installed),
            ("triggers", Partial),
            ("unpacked", Partial),
        ];
        assert_eq!(found, expected);
        assert!(parse("nonsense").is_none());
        assert!(parse("").unwrap().is_empty());
    }
}
