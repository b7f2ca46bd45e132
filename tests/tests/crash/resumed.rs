//! No byte of the media is read twice, nor is what an interrupted update has staged whole.

use crate::operation::{INSTALL, MENDED_UPDATE, Operation, UPDATE};
use crate::scene::{Scene, Stage};
use crate::site::Site;
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
fn goes_on(stage: &Stage<'_>, staged: &Staged, media: &Path, whole: u64) -> Result<()> {
    stage.disturbed(Fault::Kill, &staged.0.next)?;
    stage.recover()?;
    let kept = stage.staged_bytes()?;
    ensure!(kept > 0, "nothing is kept");
    let read = stage.bytes_read(media)?;
    ensure!(read <= whole - kept + AROUND, "{kept} of {whole} bytes were staged, and {read} were read again");
    stage.is_new()
}

fn goes_on_where_it_was(operation: Operation, media: &Path) -> Result<()> {
    let scene = Scene::of(operation)?;
    let moments = Staged::all(&scene.trace.points);
    let whole = scene.stage_at(&scene.folder().join("read"))?.bytes_read(media).context("read the bundle")?;
    ensure!(whole > 4 * AROUND, "the bundle is too small to tell: {whole} bytes");
    scene.walk("resumed after", &moments, |stage, staged| goes_on(stage, staged, media, whole))
}

#[test]
fn an_interrupted_update_goes_on_where_it_was() -> Result<()> {
    goes_on_where_it_was(UPDATE, Site::shared()?.second())
}

#[test]
fn an_interrupted_update_from_parts_with_a_patch_goes_on_where_it_was() -> Result<()> {
    goes_on_where_it_was(MENDED_UPDATE, Site::shared()?.mended())
}

#[test]
fn an_installation_reads_each_byte_of_its_bundle_once() -> Result<()> {
    let (scene, bundle) = (Scene::of(INSTALL)?, Site::shared()?.first());
    let read = scene.stage_at(&scene.folder().join("read"))?.bytes_read(bundle)?;
    let size = std::fs::metadata(bundle)?.len();
    ensure!(read == size, "{read} bytes were read of the {size} that it has");
    Ok(())
}
