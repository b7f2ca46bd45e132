//! FAT32 as it is: written by `landfall-bundler media`, read by hosts that may not write to it, as the guide on it says.

use super::fixtures::{Fixtures, refused};
use super::written::NAME;
use anyhow::{Context as _, Result, ensure};
use landfall_tests::{Command, FolderHost, Stick};
use std::path::Path;

/// In megabytes. Where the kernel does not know FAT, what does in its place counts no room on smaller ones.
const MEGABYTES: u64 = 300;

/// A file of the release that all of these tests carry.
const LANDED: &str = "opt/landfall/releases/1.1.0-1/docs/large";

/// The commands of the guide on a stick.
struct Guide(Vec<String>);

impl Guide {
    fn on(stick: &Stick) -> Result<Self> {
        let text = std::fs::read_to_string(stick.folder().join("README.txt"))?.replace("\\\n", " ");
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        Ok(Self(lines.filter(|line| line.contains("landfall-")).collect()))
    }

    /// The one with these words in it.
    fn command(&self, words: &str) -> Result<&str> {
        self.0.iter().map(String::as_str).find(|line| line.contains(words)).with_context(|| format!("no {words}"))
    }
}

/// Types a command of the guide in `folder`, for `host`. The programs are not run from the stick, which may let nothing run.
fn typed(fixtures: &Fixtures, host: &FolderHost, folder: &Path, line: &str) -> Result<Command> {
    let installer = format!("{} ", host.installer().line());
    let bundler = format!("{} ", fixtures.programs.bundler()?.display());
    let line = line.trim_start_matches("./").replacen("landfall-installer ", &installer, 1);
    Ok(Command::new("sh").args(["-c", &line.replacen("landfall-bundler ", &bundler, 1)]).current_dir(folder))
}

#[test]
fn a_bundle_in_parts_lands_from_a_write_protected_stick_as_its_guide_says() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let stick = Stick::plain(MEGABYTES, &[])?;
    let bytes = fixtures.bundle(1)?;
    let bundle = fixtures.file("b.landfall.tar", &bytes)?;
    fixtures.media(&bundle, stick.folder(), &["--split", "300kB", "--trust", &fixtures.line()])?.ok()?;
    stick.protect()?;
    let parts = [1, 2, 3].map(|part| format!("{NAME}.part{part:03}"));
    let expected = [&["README.txt".to_owned()][..], &parts, &["landfall-installer".to_owned()]].concat();
    ensure!(stick.names()? == expected, "{:?}", stick.names()?);
    let read = |part| std::fs::read(stick.folder().join(part));
    let joined = parts.iter().map(read).collect::<Result<Vec<_>, _>>()?.concat();
    ensure!(joined == bytes, "the parts on the stick are not the bundle");

    let host = fixtures.bare("host")?;
    let guide = Guide::on(&stick)?;
    for words in ["./landfall-installer verify", "./landfall-installer plan", "./landfall-installer install"] {
        typed(&fixtures, &host, stick.folder(), guide.command(words)?)?.ok()?;
    }
    ensure!(host.path(LANDED).is_file(), "the release is not there");
    Ok(())
}

#[test]
fn a_damaged_part_is_repaired_as_the_guide_says() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let stick = Stick::plain(MEGABYTES, &[])?;
    let bundle = fixtures.file(NAME, &fixtures.bundle(1)?)?;
    fixtures.media(&bundle, stick.folder(), &["--split", "300kB"])?.ok()?;
    let part = stick.folder().join(format!("{NAME}.part002"));
    let mut bytes = std::fs::read(&part)?;
    bytes[77] ^= 1;
    std::fs::remove_file(&part)?;
    std::fs::write(&part, bytes)?;

    let host = fixtures.bare("host")?;
    let (guide, before) = (Guide::on(&stick)?, host.snapshot()?);
    let verify = guide.command("./landfall-installer verify --request")?;
    let output = typed(&fixtures, &host, stick.folder(), verify)?.run()?;
    refused(&output, &[3])?;
    // The blob goes through all three parts.
    let place = [&format!("{NAME}.part001, offset "), &format!("to {NAME}.part003, offset "), "of file docs/large"];
    ensure!(place.iter().all(|place| output.stderr.contains(*place)), "{}", output.text());
    ensure!(before.difference(&host.snapshot()?).is_empty(), "the host is changed");

    // To where the bundle was made, and back.
    let scratch = fixtures.folder.path();
    std::fs::copy(stick.folder().join("request.json"), scratch.join("request.json"))?;
    typed(&fixtures, &host, scratch, guide.command("landfall-bundler repair")?)?.ok()?;
    let patch = NAME.replace(".landfall.tar", ".patch.landfall.tar");
    std::fs::write(stick.folder().join(&patch), std::fs::read(scratch.join(&patch))?)?;
    for words in ["./landfall-installer verify --patch", "./landfall-installer install --patch"] {
        typed(&fixtures, &host, stick.folder(), guide.command(words)?)?.ok()?;
    }
    ensure!(host.path(LANDED).is_file(), "the release is not there");
    Ok(())
}

#[test]
fn a_stick_that_is_full_or_cannot_be_written_is_refused() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let bundle = fixtures.file("b.landfall.tar", &fixtures.bundle(1)?)?;
    let filler = fixtures.file("what-fills-the-stick", &vec![0; 290 << 20])?;
    let stick = Stick::plain(MEGABYTES, &[&filler])?;
    let output = fixtures.media(&bundle, stick.folder(), &[])?.run()?;
    refused(&output, &[6])?;
    let is_reported = output.stderr.contains(" are needed, and ") && !output.stderr.contains("and 0 B are");
    ensure!(is_reported, "{}", output.text());
    stick.protect()?;
    let output = fixtures.media(&bundle, stick.folder(), &[])?.run()?;
    refused(&output, &[6])?;
    ensure!(stick.names()? == ["what-fills-the-stick"], "{:?}", stick.names()?);
    Ok(())
}
