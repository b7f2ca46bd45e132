//! People, their machines and the stick that goes from one to the other.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{Command, FolderHost, MEMORY, Output, Programs, Stick, stand_in};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder of the stick in the commands, on each machine.
const STICK: &str = "/media/stick";

/// A stick of this size holds what is carried, in megabytes. Where the kernel does not know FAT, what does in its place counts
/// no room on much smaller ones.
const MEGABYTES: u64 = 300;

/// All machines: one that builds, one a person, and a host without a network. They share nothing but the stick.
pub(crate) struct Machines {
    programs: Programs,
    folder: TempDir,
    stick: Stick,
    host: FolderHost,
}

impl Machines {
    pub(crate) fn new(people: &[&str]) -> Result<Self> {
        let programs = Programs::build()?;
        let folder = tempfile::Builder::new().prefix("landfall-keys-").tempdir_in(MEMORY)?;
        let host = FolderHost::bare(&folder.path().join("host"), &programs.installer()?)?;
        let machines = Self { programs, folder, stick: Stick::plain(MEGABYTES, &[])?, host };
        for machine in [&["build"], people].concat() {
            std::fs::create_dir(machines.machine(machine))?;
        }
        Ok(machines)
    }

    /// The folder that a machine works in.
    pub(crate) fn machine(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Types `line` on a machine. It must end with 0; returns its standard output.
    pub(crate) fn on(&self, machine: &str, line: &str) -> Result<String> {
        Ok(self.run(machine, line)?.ok()?.stdout)
    }

    /// Types `line` on the host; it must be refused with exit code 4 and say `says`, and change nothing.
    pub(crate) fn refused(&self, line: &str, says: &str) -> Result<()> {
        let before = self.host.snapshot()?;
        let output = self.run("host", line)?.exits(4)?;
        ensure!(output.stderr.contains(says), "{line}: {says:?} is not in {}", output.text());
        let difference = before.difference(&self.host.snapshot()?);
        ensure!(difference.is_empty(), "{line}: refused, and yet\n{difference}");
        Ok(())
    }

    /// The id of a person's key, as it stands in their public key's first line.
    pub(crate) fn id(&self, person: &str) -> Result<String> {
        let text = std::fs::read_to_string(self.machine("build").join(format!("{person}.pub")))?;
        let id = text.lines().next().and_then(|line| line.rsplit(' ').next());
        Ok(id.with_context(|| format!("{person}.pub names no id"))?.to_owned())
    }

    /// The definition of the next release lies on the machine that builds.
    pub(crate) fn define(&self, version: &str, serial: u64, trust: &str) -> Result<()> {
        println!("      # acme.toml: version = \"{version}\", serial = {serial}, trust = \"{trust}\"");
        let build = self.machine("build");
        let programs = build.join("programs");
        std::fs::create_dir_all(&programs)?;
        let real = [("landfall", self.programs.runtime()?), ("landfall-installer", self.programs.installer()?)];
        for (name, program) in real {
            std::fs::write(programs.join(name), program.display().to_string())?;
        }
        let definition = format!(
            "[release]\nproduct = \"acme\"\nversion = \"{version}\"\nserial = {serial}\ntrust = \"{trust}\"\n\
             [runtime]\nbinary = \"{0}\"\ninstaller = \"{0}\"\n\
             [[file]]\nsource = \"programs\"\npath = \"{1}\"\n",
            self.programs.stand_in()?.display(),
            stand_in::FOLDER
        );
        Ok(std::fs::write(build.join("acme.toml"), definition)?)
    }

    /// The number of the trust root that the host goes by.
    pub(crate) fn root(&self) -> Result<u64> {
        let shown: Value = serde_json::from_str(&self.on("host", "landfall-installer trust show --json")?)?;
        shown["root"]["version"].as_u64().with_context(|| format!("no version in {shown}"))
    }

    /// The release that the host runs, `<version>-<serial>`.
    pub(crate) fn release(&self) -> Result<String> {
        let current = std::fs::read_link(self.host.path("opt/landfall/current"))?;
        Ok(current.file_name().context("current leads nowhere")?.to_string_lossy().into_owned())
    }

    pub(crate) fn run(&self, machine: &str, line: &str) -> Result<Output> {
        println!("{machine:>5} $ {line}");
        let root = self.host.path("");
        let host = format!(
            "landfall-installer() {{ command landfall-installer --root {} --engine none --no-systemd \"$@\"; }}\n",
            root.display()
        );
        let (before, folder) = if machine == "host" { (host, root) } else { (String::new(), self.machine(machine)) };
        let line = line.replace(STICK, &self.stick.folder().display().to_string());
        let installer = self.programs.installer()?;
        let programs = installer.parent().unwrap_or(Path::new("")).display();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
        let shell = Command::new("bash").args(["-e", "-c", &format!("{before}{line}")]);
        let shell = shell.env("PATH", path).env("XDG_CACHE_HOME", folder.join("cache"));
        let output = shell.current_dir(folder).quiet().run()?;
        for line in output.stderr.lines().filter(|line| line.starts_with("error: ") || line.starts_with("warning: ")) {
            println!("      {line}");
        }
        Ok(output)
    }
}
