//! Sticks with a parity file that no longer give back all that was written to them: hosts read through it.

use super::fixtures::{Fixtures, HONEST, brought, refused};
use super::written::NAME;
use anyhow::{Context as _, Result, ensure};
use landfall_tests::{FileList, FolderHost, HostileStick, ReadFault, tell};
use serde_json::Value;
use std::ops::Range;
use std::path::PathBuf;

/// The block of so small a bundle, in bytes (docs/parity.md).
const BLOCK: u64 = 4096;

/// A bundle with its parity file on a stick, as `landfall-bundler media` wrote them.
struct Protected {
    fixtures: Fixtures,
    stick: HostileStick,
    bundle: PathBuf,
    bytes: Vec<u8>,
    /// The longest gap that is recovered, in bytes.
    recoverable: u64,
}

impl Protected {
    fn new(more: &[&str]) -> Result<Self> {
        let (fixtures, stick) = (Fixtures::new()?, HostileStick::plugged(HONEST)?);
        let bytes = fixtures.bundle(1)?;
        let bundle = fixtures.file(NAME, &bytes)?;
        let media = fixtures.media(&bundle, stick.folder(), &["--json"])?.args(more);
        let report: Value = serde_json::from_str(&media.ok()?)?;
        let recoverable = report["recoverable"].as_u64().context("no recoverable bytes")?;
        Ok(Self { bundle: stick.folder().join(NAME), fixtures, stick, bytes, recoverable })
    }

    /// What the bundle brings to a host from a sound file.
    fn expected(&self) -> Result<FileList> {
        let host = self.fixtures.bare("sound")?;
        host.install(&self.fixtures.file(NAME, &self.bytes)?, &self.fixtures.line()).ok()?;
        brought(&host)
    }

    /// A bare host verifies and installs from the stick, in spite of what is wrong with this range of the bundle.
    fn lands(&self, name: &str, lost: &Range<u64>, expected: &FileList) -> Result<()> {
        let host = self.fixtures.bare(name)?;
        let before = host.snapshot()?;
        let verify = host.verify(&self.bundle).args(["--json", "--trust", &self.fixtures.line()]);
        let verified = verify.run()?.ok()?;
        ensure!(before.difference(&host.snapshot()?).is_empty(), "verified, and the host is changed");
        let report: Value = serde_json::from_str(&verified.stdout)?;
        let places = report["recovered"].as_array().context("no recovered places")?;
        let bytes: u64 = places.iter().filter_map(|place| place["bytes"].as_u64()).sum();
        let blocks = lost.end.div_ceil(BLOCK) - lost.start / BLOCK;
        let last_is_short = self.bytes.len() as u64 % BLOCK;
        ensure!(
            bytes == blocks * BLOCK || bytes + BLOCK == blocks * BLOCK + last_is_short,
            "{bytes} bytes are recovered of {blocks} blocks: {report}"
        );
        let installed = host.install(&self.bundle, &self.fixtures.line()).run()?.ok()?;
        let words = ["were recovered with", ".parity", "offset", "Copy the bundle to another medium"];
        ensure!(words.iter().all(|word| installed.stderr.contains(word)), "{}", installed.text());
        let difference = expected.difference(&brought(&host)?);
        ensure!(difference.is_empty(), "installed, and yet\n{difference}");
        Ok(())
    }

    /// Host and exit code are those of a damaged bundle, and the message says what parity could not do.
    fn is_refused(&self, host: &FolderHost) -> Result<()> {
        let before = host.snapshot()?;
        let line = self.fixtures.line();
        for word in ["verify", "install"] {
            let output = host.installer().arg(word).arg(&self.bundle).args(["--trust", &line]).run()?;
            refused(&output, &[3]).with_context(|| word.to_owned())?;
            let says = [".parity does not help", "blocks are lost together", NAME];
            ensure!(says.iter().all(|words| output.stderr.contains(words)), "{word}: {}", output.text());
            let difference = before.difference(&host.snapshot()?);
            ensure!(difference.is_empty(), "{word}: refused, and yet\n{difference}");
        }
        Ok(())
    }
}

#[test]
fn bad_sectors_up_to_the_parity_are_read_through_and_no_more() -> Result<()> {
    let protected = Protected::new(&["--parity", "5%"])?;
    let (expected, size, most) = (protected.expected()?, protected.bytes.len() as u64, protected.recoverable);
    ensure!(most * 20 >= size && most < size / 10, "{most} bytes of {size} can be recovered");
    let middle = size / 2 / BLOCK * BLOCK;
    let ranges = [
        0..1,
        0..most,
        700..900,
        middle..middle + BLOCK,
        middle + 5..middle + most,
        size - 1..size,
        size - most / 2..size,
    ];
    for (number, lost) in ranges.iter().enumerate() {
        protected.stick.inject(NAME, ReadFault::BadSectors(lost.clone()));
        protected.lands(&format!("host-{number}"), lost, &expected).with_context(|| format!("{lost:?}"))?;
    }
    protected.stick.inject(NAME, ReadFault::BadSectors(middle..middle + most + 1));
    protected.is_refused(&protected.fixtures.bare("refusing")?)?;
    tell(format_args!(
        "{} places of up to {most} bytes of {size} are read through; one block more is refused",
        ranges.len()
    ));
    Ok(())
}

#[test]
fn bytes_that_rot_are_recovered_also_in_an_update() -> Result<()> {
    let protected = Protected::new(&["--parity", "10%"])?;
    let fixtures = &protected.fixtures;
    let installed = fixtures.installed("installed")?;
    let second = fixtures.file("acme-1.2.0-linux-amd64.landfall.tar", &fixtures.bundle(2)?)?;
    let stick = HostileStick::plugged(HONEST)?;
    fixtures.media(&second, stick.folder(), &["--parity", "10%"])?.ok()?;
    let honest = installed.copied_to(&fixtures.folder.path().join("honest"))?;
    honest.update(&second).ok()?;

    let name = "acme-1.2.0-linux-amd64.landfall.tar";
    let (path, mut bytes) = (stick.folder().join(name), fixtures.bundle(2)?);
    for at in [600, 5000, 300_000, 300_001, 600_000] {
        bytes[at] ^= 4;
    }
    stick.put(name, &bytes);
    let output = installed.update(&path).run()?.ok()?;
    ensure!(output.stderr.contains("4 blocks (16.00 KiB) were recovered"), "{}", output.text());
    let difference = brought(&honest)?.difference(&brought(&installed)?);
    ensure!(difference.is_empty(), "updated, and yet\n{difference}");
    // The same bytes without the parity file.
    let alone = HostileStick::plugged(HONEST)?;
    refused(
        &fixtures.bare("alone")?.verify(&alone.put(name, &bytes)).args(["--trust", &fixtures.line()]).run()?,
        &[3],
    )?;
    Ok(())
}

#[test]
fn a_part_that_is_gone_is_recovered_and_a_whole_copy_made() -> Result<()> {
    let protected = Protected::new(&["--parity", "25%", "--split", "150kB"])?;
    let expected = protected.expected()?;
    let gone = format!("{NAME}.part003");
    std::fs::remove_file(protected.stick.folder().join(&gone))?;
    let parity = format!("{NAME}.parity.part001");
    ensure!(protected.stick.names().contains(&parity), "the parity file is cut as well: {:?}", protected.stick.names());
    protected.lands("host", &(300_000..450_000), &expected)?;
    // The medium is copied, and the copy is whole.
    let copy = HostileStick::plugged(HONEST)?;
    let output = protected.fixtures.media(&protected.bundle, copy.folder(), &[])?.run()?.ok()?;
    ensure!(output.stderr.contains("were recovered with"), "{}", output.text());
    ensure!(std::fs::read(copy.folder().join(NAME))? == protected.bytes, "the copy is another bundle");
    Ok(())
}

#[test]
fn a_parity_file_that_does_not_come_back_from_the_stick_is_found_out() -> Result<()> {
    let fixtures = Fixtures::new()?;
    let bundle = fixtures.file("b.landfall.tar", &fixtures.bundle(1)?)?;
    let stick = HostileStick::plugged(HONEST)?;
    let parity = format!("{NAME}.parity");
    stick.inject(&parity, ReadFault::Rots(20_000));
    let output = fixtures.media(&bundle, stick.folder(), &["--parity", "5%"])?.run()?;
    refused(&output, &[3])?;
    ensure!(output.stderr.contains(&format!("{parity} came back changed")), "{}", output.text());
    stick.inject(&parity, ReadFault::None);
    fixtures.media(&bundle, stick.folder(), &["--parity", "5%"])?.ok()?;
    // It is replaced by its like, and in the way of a copy that has none.
    fixtures.media(&bundle, stick.folder(), &["--parity", "20%"])?.ok()?;
    let output = fixtures.media(&bundle, stick.folder(), &[])?.run()?;
    refused(&output, &[2])?;
    ensure!(output.stderr.contains(&parity), "{}", output.text());
    stick.put(&parity, b"my notes");
    refused(&fixtures.media(&bundle, stick.folder(), &["--parity", "5%"])?.run()?, &[2])?;
    ensure!(std::fs::read(stick.folder().join(&parity))? == b"my notes", "a file that is no parity file is replaced");
    Ok(())
}

#[test]
fn with_parity_each_byte_behind_the_head_is_read_once_too() -> Result<()> {
    let protected = Protected::new(&["--parity", "5%"])?;
    protected.stick.inject(NAME, ReadFault::None);
    let host = protected.fixtures.bare("host")?;
    let output = host.install(&protected.bundle, &protected.fixtures.line()).run()?.ok()?;
    ensure!(!output.stderr.contains("recovered"), "{}", output.text());
    let reads = protected.stick.reads(NAME);
    ensure!(reads.covered().bytes() == protected.bytes.len() as u64, "only {} are read", reads.covered());
    // The head, and the blocks around the settings, which are read before the pass.
    let twice = reads.twice().bytes();
    ensure!(twice < 16 * BLOCK, "{twice} bytes are read twice");
    Ok(())
}
