//! No byte of the media is read twice, nor is what an interrupted update has staged whole.

use crate::fixtures::Fixtures;
use crate::operation::{INSTALL, Operation, PATCHED_UPDATE, UPDATE};
use crate::prepared::{HostCopy, Prepared};
use anyhow::{Context as _, Result, ensure};
use landfall_tests::strace::{Fault, Point};
use std::fmt;
use std::path::Path;

/// What may be read again, in bytes: the manifest, the signatures, and what stands around each blob.
const AROUND: u64 = 64 << 10;

/// A blob got its name in the staging folder.
struct Staged(Point);

impl Staged {
    fn all(points: &[Point]) -> Vec<Self> {
        let staged =
            |point: &&Point| point.call.name.starts_with("rename") && point.arguments.contains("/store/incoming/");
        points.iter().filter(staged).cloned().map(Self).collect()
    }
}

impl fmt::Display for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "killed after {} number {}", self.0.call.name, self.0.call.nth)
    }
}

/// Kills the update and repeats it: what was staged whole is the less to read.
fn goes_on(copy: &HostCopy<'_>, staged: &Staged, media: &Path, whole: u64) -> Result<()> {
    copy.disturbed(Fault::Kill, &staged.0.next)?;
    copy.recover()?;
    let kept = copy.staged_bytes()?;
    ensure!(kept > 0, "nothing is kept");
    let read = copy.bytes_read(media)?;
    ensure!(read <= whole - kept + AROUND, "{kept} of {whole} bytes were staged, and {read} were read again");
    copy.is_new()
}

fn goes_on_where_it_was(operation: Operation, media: &Path) -> Result<()> {
    let prepared = Prepared::of(operation)?;
    let points = Staged::all(&prepared.trace.points);
    let whole = prepared.copy_at(&prepared.folder().join("read"))?.bytes_read(media).context("read the bundle")?;
    ensure!(whole > 4 * AROUND, "the bundle is too small to tell: {whole} bytes");
    prepared.try_each("resumed after", &points, |copy, staged| goes_on(copy, staged, media, whole))
}

#[test]
fn an_interrupted_update_goes_on_where_it_was() -> Result<()> {
    goes_on_where_it_was(UPDATE, Fixtures::shared()?.second())
}

#[test]
fn an_interrupted_update_from_parts_with_a_patch_goes_on_where_it_was() -> Result<()> {
    goes_on_where_it_was(PATCHED_UPDATE, Fixtures::shared()?.patched())
}

#[test]
fn an_installation_reads_each_byte_of_its_bundle_once() -> Result<()> {
    let (prepared, bundle) = (Prepared::of(INSTALL)?, Fixtures::shared()?.first());
    let read = prepared.copy_at(&prepared.folder().join("read"))?.bytes_read(bundle)?;
    let size = std::fs::metadata(bundle)?.len();
    ensure!(read == size, "{read} bytes were read of the {size} that it has");
    Ok(())
}
