//! A disk that is too small, and one that runs full on the way.

use crate::disk::Disk;
use crate::operation::{INSTALL, Operation};
use crate::scene::Scene;
use anyhow::{Context as _, Result, bail, ensure};
use std::path::Path;
use std::time::{Duration, Instant};

/// The exit code of a host that is not fit.
const UNFIT: i32 = 6;
/// The exit code of an update that was taken back.
const REVERTED: i32 = 7;

/// Which parts, of a hundred, of the room that is needed somebody else leaves, once the operation has begun.
const LEFT: [u64; 10] = [0, 1, 2, 4, 8, 12, 16, 20, 24, 50];

/// How exactly the room can be set, in bytes: the filling file's own blocks count too.
const SLACK: u64 = 64 << 10;

/// How long an operation may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// With too little room the operation is refused, and says how many bytes are missing; with exactly these it succeeds.
/// Returns how many bytes it needs.
fn demands_what_it_needs(scene: &Scene) -> Result<u64> {
    let disk = Disk::new()?;
    let stage = scene.stage_at(&disk.host())?;
    let mut needed = 0;
    for left in [0, 100 << 10, 1 << 20] {
        disk.fill(left)?;
        let refusal = stage.operate()?.exits(UNFIT)?.said();
        needed = disk.free()? + missing(&refusal)?;
        stage.is_old().with_context(|| format!("refused with {left} bytes free"))?;
        disk.make_room()?;
    }
    disk.fill(needed + SLACK)?;
    stage.again().with_context(|| format!("with the {needed} bytes that are asked for"))?;
    Ok(needed)
}

/// The number of bytes that a refusal says are missing.
fn missing(refusal: &str) -> Result<u64> {
    let number = refusal.split(" bytes are missing").next().and_then(|text| text.rsplit(' ').next());
    number.and_then(|number| number.parse().ok()).with_context(|| format!("does not say how many bytes: {refusal}"))
}

/// The room goes away after the operation has looked for it. Says how it ended.
fn runs_full(scene: &Scene, left: u64) -> Result<i32> {
    let disk = Disk::new()?;
    let stage = scene.stage_at(&disk.host())?;
    let output = std::thread::scope(|scope| {
        let operation = scope.spawn(|| stage.operate());
        let filled = begun(&stage.root).and_then(|()| disk.fill(left));
        let output = operation.join().unwrap_or_else(|_| bail!("it panicked"));
        filled.and(output)
    })?;
    let outcome = || format!("{left} bytes left, ended with {}: {}", output.code, output.said());
    ensure!([scene.exit(), UNFIT, REVERTED].contains(&output.code), outcome());
    if stage.is_interrupted() {
        ensure!(output.said().contains("landfall-installer recover"), outcome());
        stage.recover().context("while the disk is full").with_context(outcome)?;
    }
    if output.code == scene.exit() { stage.is_new() } else { stage.is_old() }.with_context(outcome)?;
    disk.make_room()?;
    stage.again().with_context(outcome)?;
    Ok(output.code)
}

/// Waits until the operation has its journal.
fn begun(root: &Path) -> Result<()> {
    let (journal, start) = (root.join("var/lib/landfall/state/journal.json"), Instant::now());
    while !journal.exists() {
        ensure!(start.elapsed() < PATIENCE, "the operation does not begin");
    }
    Ok(())
}

fn survives_a_full_disk(operation: Operation) -> Result<()> {
    let scene = Scene::of(operation)?;
    let needed = demands_what_it_needs(&scene)?;
    let ends = LEFT.map(|part| runs_full(&scene, needed * part / 100));
    let ends = ends.into_iter().collect::<Result<Vec<_>>>()?;
    println!("{}: {needed} bytes needed; with {LEFT:?} % of them left it ends with {ends:?}", scene.title);
    ensure!(ends.iter().any(|end| *end != scene.exit()), "the disk never ran full");
    Ok(())
}

#[test]
fn an_install_survives_a_full_disk() -> Result<()> {
    survives_a_full_disk(INSTALL)
}
