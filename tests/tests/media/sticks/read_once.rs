//! A stick counts the bytes that are read of it: none is read twice.

use super::fixtures::{BUNDLE, Fixtures, HONEST};
use anyhow::{Result, ensure};
use landfall_tests::{Command, HostileStick, ReadFault, tell};

/// Runs `command` with a bundle on the stick; no byte may be read twice, and none may go unread.
fn is_read_once(stick: &HostileStick, word: &str, command: Command, size: u64) -> Result<()> {
    stick.inject(BUNDLE, ReadFault::None);
    command.ok()?;
    let reads = stick.reads(BUNDLE);
    tell(format_args!("{}: {} bytes of {size} in {} reads", word, reads.bytes(), reads.calls()));
    let twice = reads.twice();
    ensure!(twice.is_empty(), "{}: {} bytes are read twice: {twice}", word, twice.bytes());
    ensure!(reads.covered().bytes() == size, "{}: of {size} bytes only {} are read", word, reads.covered());
    Ok(())
}

#[test]
fn an_installation_and_an_update_read_each_byte_once() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let stick = HostileStick::plugged(HONEST)?;
    let (first, second) = (fixtures.bundle(1)?, fixtures.bundle(2)?);
    let host = fixtures.bare("host")?;
    let path = stick.put(BUNDLE, &first);
    is_read_once(&stick, "install", host.install(&path, &fixtures.line()), first.len() as u64)?;
    let path = stick.put(BUNDLE, &second);
    is_read_once(&stick, "update", host.update(&path), second.len() as u64)
}

#[test]
fn an_installation_from_parts_reads_each_byte_once() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let stick = HostileStick::plugged(HONEST)?;
    let bundle = fixtures.bundle(1)?;
    let parts: Vec<String> =
        (1..=bundle.len().div_ceil(100_000)).map(|part| format!("{BUNDLE}.part{part:03}")).collect();
    for (name, content) in parts.iter().zip(bundle.chunks(100_000)) {
        stick.put(name, content);
        stick.inject(name, ReadFault::None);
    }
    let host = fixtures.bare("host")?;
    host.install(&stick.folder().join(BUNDLE), &fixtures.line()).ok()?;
    for (name, content) in parts.iter().zip(bundle.chunks(100_000)) {
        let reads = stick.reads(name);
        ensure!(reads.twice().is_empty(), "{name}: read twice: {}", reads.twice());
        ensure!(reads.covered().bytes() == content.len() as u64, "{name}: only {} are read", reads.covered());
    }
    Ok(())
}
