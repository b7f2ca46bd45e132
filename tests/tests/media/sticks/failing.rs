//! Sticks that fail while they are read: the place is told, and the host is as it was.

use super::fixtures::{BUNDLE, Fixtures, HONEST, brought, refused};
use anyhow::{Context as _, Result, ensure};
use landfall_tests::{HostileStick, ReadFault, tell};
use std::time::Duration;

/// The longest that a command may take for a megabyte, whatever the stick does.
const LIMIT: Duration = Duration::from_mins(10);

#[test]
fn a_place_that_cannot_be_read_is_told() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let stick = HostileStick::plugged(HONEST)?;
    let bundle = fixtures.bundle(1)?;
    let path = stick.put(BUNDLE, &bundle);
    let host = fixtures.bare("host")?;
    let before = host.snapshot()?;
    for at in [0, 700, bundle.len() / 2, bundle.len() - 1] {
        for word in ["verify", "plan", "install"] {
            stick.inject(BUNDLE, ReadFault::FailsFrom(at as u64));
            let command = host.installer().arg(word).arg(&path).args(["--trust", &fixtures.line()]);
            let output = command.limit(LIMIT).run()?;
            if word == "plan" && output.code == 0 {
                // It reads no more than it needs.
                continue;
            }
            refused(&output, &[3])?;
            ensure!(output.stderr.contains(BUNDLE), "{word} at {at}: no file is named: {}", output.text());
            ensure!(output.stderr.contains("offset"), "{word} at {at}: no place is named: {}", output.text());
            let difference = before.difference(&host.snapshot()?);
            ensure!(difference.is_empty(), "{word} at {at}: refused, and yet\n{difference}");
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
    let fixtures = Fixtures::new()?;
    let stick = HostileStick::plugged(HONEST)?;
    let bundle = fixtures.bundle(1)?;
    let (path, whole) = (stick.put(BUNDLE, &bundle), bundle.len() as u64);
    let host = fixtures.bare("host")?;
    let before = host.snapshot()?;
    for word in ["verify", "install"] {
        stick.inject(BUNDLE, ReadFault::Endless);
        let output = host.installer().arg(word).arg(&path).args(["--trust", &fixtures.line()]).limit(LIMIT).run()?;
        refused(&output, &[3])?;
        let read = stick.reads(BUNDLE).bytes();
        ensure!(read <= 2 * whole, "{word}: {read} bytes are read of a bundle of {whole}");
        ensure!(before.difference(&host.snapshot()?).is_empty(), "{word}: refused, and yet the host is changed");
    }
    Ok(())
}

#[test]
fn what_shrinks_is_refused() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let stick = HostileStick::plugged(HONEST)?;
    let bundle = fixtures.bundle(1)?;
    let path = stick.put(BUNDLE, &bundle);
    let host = fixtures.bare("host")?;
    let before = host.snapshot()?;
    let half = bundle.len() as u64 / 2;
    for (to, at_call) in [(0, 0), (half, 0), (half, 1), (half, 5), (bundle.len() as u64 - 1, 8)] {
        stick.inject(BUNDLE, ReadFault::Shrinks { to, at_call });
        let output = host.install(&path, &fixtures.line()).limit(LIMIT).run()?;
        refused(&output, &[3]).with_context(|| format!("{to} bytes from read {at_call} on"))?;
        let difference = before.difference(&host.snapshot()?);
        ensure!(difference.is_empty(), "{to} bytes from read {at_call} on: refused, and yet\n{difference}");
    }
    Ok(())
}
