//! What an interrupted update has staged whole is not read from the media again.

use crate::operation::UPDATE;
use crate::scene::{Scene, Stage};
use anyhow::{Context as _, Result, ensure};
use landfall_tests::strace::{Fault, Point};
use std::fmt;

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
fn goes_on(stage: &Stage<'_>, staged: &Staged, whole: u64) -> Result<()> {
    stage.disturbed(Fault::Kill, &staged.0.next)?;
    stage.recover()?;
    let kept = stage.staged_bytes()?;
    ensure!(kept > 0, "nothing is kept");
    let read = stage.bytes_read()?;
    ensure!(read <= whole - kept + AROUND, "{kept} of {whole} bytes were staged, and {read} were read again");
    stage.is_new()
}

#[test]
fn an_interrupted_update_goes_on_where_it_was() -> Result<()> {
    let scene = Scene::of(UPDATE)?;
    let moments = Staged::all(&scene.trace.points);
    let whole = scene.stage_at(&scene.folder().join("read"))?.bytes_read().context("read the bundle")?;
    ensure!(whole > 4 * AROUND, "the bundle is too small to tell: {whole} bytes");
    scene.walk("resumed after", &moments, |stage, staged| goes_on(stage, staged, whole))
}
