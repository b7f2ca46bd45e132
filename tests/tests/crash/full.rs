//! A disk that is too small, and one that runs full on the way.

use crate::disk::Disk;
use crate::exit;
use crate::operation::{FAILING_UPDATE, INSTALL, ROLLBACK, UPDATE};
use crate::prepared::Prepared;
use anyhow::{Context as _, Result, ensure};

/// How many KiB somebody else leaves, once the operation has begun: the disk runs full at one step or another.
const LEFT: [u64; 12] = [0, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/// How exactly the room can be set, in bytes: the filling file's own blocks count too.
const SLACK: u64 = 64 << 10;

/// With too little room the operation is refused, and says how many bytes are missing; with exactly these it succeeds.
fn demands_what_it_needs(prepared: &Prepared) -> Result<()> {
    let disk = Disk::new()?;
    let copy = prepared.copy_at(&disk.mount())?;
    let mut needed = 0;
    for left in [0, 100 << 10, 1 << 20] {
        disk.fill(left)?;
        let refusal = copy.operate()?.exits(exit::UNFIT)?.text();
        needed = disk.free()? + missing(&refusal)?;
        copy.is_old().with_context(|| format!("refused with {left} bytes free"))?;
        disk.make_room()?;
    }
    disk.fill(needed + SLACK)?;
    copy.again().with_context(|| format!("with the {needed} bytes that are asked for"))?;
    println!("{}: succeeds with the {needed} bytes that it asks for", prepared.title);
    Ok(())
}

/// The number of bytes that a refusal says are missing.
fn missing(refusal: &str) -> Result<u64> {
    let number = refusal.split(" bytes) are missing").next().and_then(|text| text.rsplit('(').next());
    number.and_then(|number| number.parse().ok()).with_context(|| format!("does not say how many bytes: {refusal}"))
}

/// The room goes away after the operation has looked for it. Says how it ended.
fn runs_full(prepared: &Prepared, kib: u64) -> Result<i32> {
    let disk = Disk::new()?;
    let copy = prepared.copy_at(&disk.mount())?;
    let output = copy.stopped_once_begun(|| disk.fill(kib << 10))?;
    let outcome = || format!("{kib} KiB left, ended with {}: {}", output.code, output.text());
    ensure!(exit::allowed(exit::UNFIT, prepared.exit()).contains(&output.code), outcome());
    if copy.is_interrupted() {
        ensure!(output.text().contains("landfall-installer recover"), outcome());
        // To go back may take room too: the database is brought back on a copy.
        disk.make_room()?;
        copy.recover().with_context(outcome)?;
        copy.is_old_or_new().with_context(outcome)?;
    } else {
        if output.code == prepared.exit() { copy.is_new() } else { copy.is_old() }.with_context(outcome)?;
        disk.make_room()?;
    }
    copy.again().with_context(outcome)?;
    Ok(output.code)
}

fn runs_full_anywhere(prepared: &Prepared) -> Result<()> {
    let ends = LEFT.map(|kib| runs_full(prepared, kib)).into_iter().collect::<Result<Vec<_>>>()?;
    println!("{}: with {LEFT:?} KiB left it ends with {ends:?}", prepared.title);
    ensure!(ends.iter().any(|end| *end != prepared.exit()), "the disk never ran full");
    Ok(())
}

#[test]
fn an_install_survives_a_full_disk() -> Result<()> {
    let prepared = Prepared::of(INSTALL)?;
    demands_what_it_needs(&prepared)?;
    runs_full_anywhere(&prepared)
}

#[test]
fn an_update_survives_a_full_disk() -> Result<()> {
    let prepared = Prepared::of(UPDATE)?;
    demands_what_it_needs(&prepared)?;
    runs_full_anywhere(&prepared)
}

#[test]
fn going_back_survives_a_full_disk() -> Result<()> {
    [FAILING_UPDATE, ROLLBACK].into_iter().try_for_each(|operation| runs_full_anywhere(&Prepared::of(operation)?))
}
