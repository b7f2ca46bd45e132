//! What `landfall-bundler media` writes to a stick is known to be on it, or nothing is there under its name.

use super::fixtures::{Fixtures, HONEST, refused};
use anyhow::{Result, ensure};
use landfall_tests::{Capacity, HostileStick, ReadFault, StickSpec};
use std::path::PathBuf;

/// The bundle's name on a medium.
pub(crate) const NAME: &str = "acme-1.1.0-linux-amd64.landfall.tar";

/// Cuts the bundle into a handful of parts.
const SPLIT: [&str; 2] = ["--split", "200kB"];

struct WriteTest {
    fixtures: Fixtures,
    bundle: PathBuf,
    bytes: Vec<u8>,
}

impl WriteTest {
    fn new() -> Result<Self> {
        let fixtures = Fixtures::new()?;
        let bytes = fixtures.bundle(1)?;
        Ok(Self { bundle: fixtures.file("b.landfall.tar", &bytes)?, fixtures, bytes })
    }

    /// Runs `media` to the stick, with a small program in the installer's place.
    fn media(&self, stick: &HostileStick, more: &[&str]) -> Result<landfall_tests::Output> {
        let installer = self.fixtures.programs.stand_in()?;
        let command = self.fixtures.media(&self.bundle, stick.folder(), more)?;
        command.arg("--installer").arg(installer).run()
    }

    /// The names of the bundle's files on a stick, in order.
    fn parts(&self, size: usize) -> Vec<String> {
        (1..=self.bytes.len().div_ceil(size)).map(|part| format!("{NAME}.part{part:03}")).collect()
    }
}

/// Nothing has got its name; a folder that the next run removes may be left.
fn holds_nothing(stick: &HostileStick) -> Result<()> {
    let names: Vec<String> = stick.names().into_iter().filter(|name| !name.starts_with(".landfall-bundler")).collect();
    ensure!(names.is_empty(), "the stick holds {names:?}");
    Ok(())
}

#[test]
fn all_that_is_written_is_read_back_from_the_stick() -> Result<()> {
    let test = WriteTest::new()?;
    let stick = HostileStick::plugged(HONEST)?;
    test.media(&stick, &SPLIT)?.ok()?;
    let parts = test.parts(200_000);
    for (name, content) in parts.iter().zip(test.bytes.chunks(200_000)) {
        ensure!(stick.reads(name).covered().bytes() == content.len() as u64, "{name} was not read back whole");
        ensure!(std::fs::read(stick.folder().join(name))? == content, "{name} holds something else");
    }
    let mut expected = [&["README.txt".to_owned()][..], &parts, &["landfall-installer".to_owned()]].concat();
    expected.sort();
    ensure!(stick.names() == expected, "{:?}", stick.names());
    Ok(())
}

#[test]
fn a_stick_that_lies_about_its_size_is_found_out() -> Result<()> {
    let test = WriteTest::new()?;
    let size = test.bytes.len() as u64;
    for share in [0, 1, 5, 9] {
        let kept = size * share / 10;
        for capacity in [Capacity::Forgets(kept), Capacity::Wraps(kept)] {
            for split in [&SPLIT[..], &[]] {
                let stick = HostileStick::plugged(StickSpec { capacity, ..HONEST })?;
                let output = test.media(&stick, split)?;
                refused(&output, &[3])?;
                let is_reported = output.stderr.contains(NAME) && output.stderr.contains("first at offset");
                ensure!(is_reported, "{capacity:?}: no file and no offset: {}", output.text());
                holds_nothing(&stick)?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_stick_that_forgets_or_cannot_be_read_is_found_out_to_the_byte() -> Result<()> {
    let test = WriteTest::new()?;
    let stick = HostileStick::plugged(HONEST)?;
    for (part, at) in [(1, 0), (2, 77), (4, 99_999)] {
        let name = format!("{NAME}.part{part:03}");
        for (fault, says) in [
            (ReadFault::Rots(at), format!("{name} came back changed, first at offset {at} ")),
            (ReadFault::FailsFrom(at), format!("{name} cannot be read back at offset 0")),
        ] {
            stick.inject(&name, fault);
            let output = test.media(&stick, &SPLIT)?;
            refused(&output, &[3])?;
            ensure!(output.stderr.contains(&says), "{says:?} is not in {}", output.text());
            holds_nothing(&stick)?;
        }
        stick.inject(&name, ReadFault::None);
    }
    Ok(())
}

#[test]
fn a_stick_that_is_pulled_out_holds_nothing_by_name_and_serves_again() -> Result<()> {
    let test = WriteTest::new()?;
    let size = test.bytes.len() as u64;
    for at in [1, size / 2, size - 1, size + 1] {
        let mut stick = HostileStick::plugged(HONEST)?;
        stick.pull_after(at);
        refused(&test.media(&stick, &SPLIT)?, &[6])?;
        stick.plug_in()?;
        holds_nothing(&stick)?;
        test.media(&stick, &SPLIT)?.ok()?;
        let left: Vec<String> = stick.names().into_iter().filter(|name| name.starts_with('.')).collect();
        ensure!(left.is_empty(), "what the first run left is still there: {left:?}");
    }
    Ok(())
}

#[test]
fn a_stick_without_room_is_refused_before_a_byte_is_written() -> Result<()> {
    let test = WriteTest::new()?;
    let stick = HostileStick::plugged(StickSpec::honest(test.bytes.len() as u64))?;
    let output = test.media(&stick, &[])?;
    refused(&output, &[6])?;
    let free = format!("are needed, and {} are free", landfall_console::Size(test.bytes.len() as u64 / 4096 * 4096));
    ensure!(output.stderr.contains(&free), "{free:?} is not in {}", output.text());
    holds_nothing(&stick)
}
