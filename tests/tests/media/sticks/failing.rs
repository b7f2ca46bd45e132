//! Sticks that fail while they are read: the message names the place, and the host is unchanged.

use super::fixtures::{BUNDLE, Fixtures, HONEST, brought, refused};
use anyhow::{Context as _, Result, ensure};
use landfall_tests::{FolderHost, HostileStick, Output, ReadFault, Snapshot, tell};
use std::path::PathBuf;
use std::time::Duration;

/// The longest that a command may take for a megabyte, whatever the stick does.
const LIMIT: Duration = Duration::from_mins(10);

/// A bundle on a stick, and a bare host that has to stay as it is.
struct BareHost {
    fixtures: Fixtures,
    stick: HostileStick,
    path: PathBuf,
    /// The bundle's size in bytes.
    size: u64,
    host: FolderHost,
    before: Snapshot,
}

impl BareHost {
    fn new() -> Result<Self> {
        let (fixtures, stick) = (Fixtures::new()?, HostileStick::plugged(HONEST)?);
        let bundle = fixtures.bundle(1)?;
        let (path, size) = (stick.put(BUNDLE, &bundle), bundle.len() as u64);
        let host = fixtures.bare("host")?;
        Ok(Self { before: host.snapshot()?, fixtures, stick, path, size, host })
    }

    /// Gives the bundle to the installer's command `word`, while the stick does what `fault` says.
    fn run(&self, word: &str, fault: ReadFault) -> Result<Output> {
        self.stick.inject(BUNDLE, fault);
        let command = self.host.installer().arg(word).arg(&self.path).args(["--trust", &self.fixtures.line()]);
        command.limit(LIMIT).run()
    }

    /// The command was refused as damage, and the host is as it was.
    fn was_refused(&self, output: &Output) -> Result<()> {
        refused(output, &[3])?;
        let difference = self.before.difference(&self.host.snapshot()?);
        ensure!(difference.is_empty(), "refused, and yet\n{difference}");
        Ok(())
    }
}

#[test]
fn an_unreadable_place_is_named() -> Result<()> {
    let bare = BareHost::new()?;
    for at in [0, 700, bare.size / 2, bare.size - 1] {
        for word in ["verify", "plan", "install"] {
            let output = bare.run(word, ReadFault::FailsFrom(at))?;
            if word == "plan" && output.code == 0 {
                // It reads no more than it needs.
                continue;
            }
            bare.was_refused(&output).with_context(|| format!("{word} at {at}"))?;
            for expected in [BUNDLE, "offset"] {
                ensure!(output.stderr.contains(expected), "{word} at {at}: {expected} is not in {}", output.text());
            }
        }
    }
    Ok(())
}

#[test]
fn an_update_whose_stick_is_pulled_out_goes_on_where_it_was() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let stick = HostileStick::plugged(HONEST)?;
    let bundle = fixtures.bundle(2)?;
    let path = stick.put(BUNDLE, &bundle);
    let installed = fixtures.installed("installed")?;
    let honest = installed.copied_to(&fixtures.folder.path().join("honest"))?;
    honest.update(&path).ok()?;
    let (whole, calls) = (brought(&honest)?, stick.reads(BUNDLE).calls());
    let mut again = 0;
    for call in 0..calls {
        let host = installed.copied_to(&fixtures.folder.path().join("host"))?;
        let before = host.snapshot()?;
        stick.inject(BUNDLE, ReadFault::FailsAtCall(call));
        refused(&host.update(&path).quiet().run()?, &[3]).with_context(|| format!("pulled out at read {call}"))?;
        let difference = before.difference(&host.snapshot()?);
        let only_staged = difference.lines().all(|line| line.contains("var/lib/landfall/store/incoming"));
        ensure!(only_staged, "pulled out at read {call}: refused, and yet\n{difference}");

        stick.inject(BUNDLE, ReadFault::None);
        host.update(&path).quiet().ok().with_context(|| format!("plugged in again after read {call}"))?;
        let difference = whole.difference(&brought(&host)?);
        ensure!(difference.is_empty(), "plugged in again after read {call}:\n{difference}");
        again = stick.reads(BUNDLE).bytes();
    }
    let total = bundle.len() as u64;
    tell(format_args!(
        "update, pulled out at each of {calls} reads: after the last, {again} of {total} bytes are read again"
    ));
    ensure!(again < total / 10, "after the last of {calls} reads, {again} bytes of {total} are read again");
    Ok(())
}

#[test]
fn what_never_ends_is_refused() -> Result<()> {
    let bare = BareHost::new()?;
    for word in ["verify", "install"] {
        let output = bare.run(word, ReadFault::Endless)?;
        bare.was_refused(&output).context(word)?;
        let (read, whole) = (bare.stick.reads(BUNDLE).bytes(), bare.size);
        ensure!(read <= 2 * whole, "{word}: {read} bytes are read of a bundle of {whole}");
    }
    Ok(())
}

#[test]
fn what_shrinks_is_refused() -> Result<()> {
    let bare = BareHost::new()?;
    let (size, half) = (bare.size, bare.size / 2);
    for (to, at_call) in [(0, 0), (half, 0), (half, 1), (half, 5), (size - 1, 8)] {
        let output = bare.run("install", ReadFault::Shrinks { to, at_call })?;
        bare.was_refused(&output).with_context(|| format!("{to} bytes from read {at_call} on"))?;
    }
    Ok(())
}
