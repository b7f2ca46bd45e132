//! FAT32 as it is: written by `landfall-bundler media`, read by hosts that may not write to it.

use crate::carried::NAME;
use crate::site::{Site, refused};
use anyhow::{Context as _, Result, ensure};
use landfall_tests::{Command, FolderHost, Stick};
use std::path::Path;

/// In megabytes. Where the kernel does not know FAT, what does in its place counts no room on smaller ones.
const MEGABYTES: u64 = 300;

/// The commands of the guide that hold `word`, each in one line.
fn commands(guide: &str, word: &str) -> Vec<String> {
    let joined = guide.replace("\\\n", " ");
    joined
        .lines()
        .map(str::trim)
        .filter(|line| line.contains(&format!("landfall-{word} ")))
        .map(str::to_owned)
        .collect()
}

/// Runs a command of the guide where the medium is, for `host`.
fn run(host: &FolderHost, folder: &Path, line: &str) -> Result<()> {
    let options = format!("--root {} --engine none --no-systemd", host.path("").display());
    // Where a medium lets nothing run, the guide says what to do.
    let words = line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    let installer = host.installer().line();
    let program = installer.split_whitespace().next().context("no program")?;
    let shell = Command::new("sh").args(["-c", &format!("{program} {options} {words}")]).current_dir(folder);
    shell.run()?.ok().with_context(|| format!("the guide's {line}")).map(drop)
}

#[test]
fn a_bundle_in_parts_lands_from_a_write_protected_stick_as_its_guide_says() -> Result<()> {
    let site = Site::new()?;
    let stick = Stick::plain(MEGABYTES, &[])?;
    let bytes = site.bundle(1)?;
    let bundle = site.file("b.landfall.tar", &bytes)?;
    site.media(&bundle, stick.folder(), &["--split", "300kB", "--trust", &site.line()])?.ok()?;
    stick.protect()?;
    let parts = [1, 2, 3].map(|part| format!("{NAME}.part{part:03}"));
    let expected = [&["README.txt".to_owned()][..], &parts, &["landfall-installer".to_owned()]].concat();
    ensure!(stick.names()? == expected, "{:?}", stick.names()?);
    let joined: Vec<u8> =
        parts.iter().flat_map(|part| std::fs::read(stick.folder().join(part)).unwrap_or_default()).collect();
    ensure!(joined == bytes, "the parts on the stick are not the bundle");

    let guide = std::fs::read_to_string(stick.folder().join("README.txt"))?;
    let lines = commands(&guide, "installer");
    let first: Vec<&String> = lines.iter().filter(|line| line.starts_with("./")).collect();
    ensure!(first.len() == 3, "the guide of a first installation: {first:?}");
    let host = site.bare("host")?;
    for line in first {
        run(&host, stick.folder(), line)?;
    }
    ensure!(host.path("opt/landfall/releases/1.1.0-1/docs/large").is_file(), "the release is not there");
    Ok(())
}

#[test]
fn a_stick_that_is_full_or_cannot_be_written_is_refused() -> Result<()> {
    let site = Site::new()?;
    let bundle = site.file("b.landfall.tar", &site.bundle(1)?)?;
    let filler = site.file("what-fills-the-stick", &vec![0; 290 << 20])?;
    let stick = Stick::plain(MEGABYTES, &[&filler])?;
    let output = site.media(&bundle, stick.folder(), &[])?.run()?;
    refused(&output, &[6])?;
    ensure!(
        output.stderr.contains("bytes are needed, and ") && !output.stderr.contains("and 0 are"),
        "{}",
        output.said()
    );
    stick.protect()?;
    let output = site.media(&bundle, stick.folder(), &[])?.run()?;
    refused(&output, &[6])?;
    ensure!(stick.names()? == ["what-fills-the-stick"], "{:?}", stick.names()?);
    Ok(())
}
