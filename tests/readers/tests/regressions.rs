//! The readers that `make fuzz` feeds, without a fuzzer: with their seeds, with what fuzzers once found, and with a few
//! thousand changes of both.

use anyhow::{Result, ensure};
use landfall_readers::{ReadOutcome, TARGETS};
use landfall_tests::{SeededRng, workspace};
use std::collections::BTreeSet;
use std::ffi::OsStr;

/// Changes of each seed. `make fuzz` makes millions.
const CHANGES: usize = 100;

#[test]
fn every_seed_is_accepted() -> Result<()> {
    for target in TARGETS {
        let seeds = (target.seeds)();
        ensure!(!seeds.is_empty(), "{} has no seeds", target.name);
        for (index, seed) in seeds.iter().enumerate() {
            ensure!((target.read)(seed) == ReadOutcome::Accepted, "{}: seed {index} is refused", target.name);
        }
    }
    Ok(())
}

#[test]
fn no_past_finding_violates_a_property_again() {
    for target in TARGETS {
        for finding in (target.findings)() {
            (target.read)(&finding);
        }
    }
}

#[test]
fn no_small_change_of_a_seed_violates_a_property() -> Result<()> {
    let mut rng = SeededRng::seeded("LANDFALL_FUZZ_SEED")?;
    for target in TARGETS {
        let seeds = (target.seeds)().into_iter().chain((target.findings)());
        let mut refused = 0;
        for seed in seeds {
            for _ in 0..CHANGES {
                let way = u32::try_from(rng.below(1 << 16))?;
                let mut change = |piece: Vec<u8>| changed(piece, &mut rng);
                let input = match target.mutate {
                    Some(mutate) => mutate(&seed, way, &mut change),
                    None => change(seed.clone()),
                };
                refused += usize::from((target.read)(&input) == ReadOutcome::Refused);
            }
        }
        ensure!(refused > 0, "{} accepts whatever it is given", target.name);
    }
    Ok(())
}

/// Changes, removes, doubles or inserts a few bytes, one to four times.
fn changed(mut piece: Vec<u8>, rng: &mut SeededRng) -> Vec<u8> {
    for _ in 0..=rng.below(4) {
        let at = rng.below(piece.len() + 1);
        let end = (at + rng.below(16)).min(piece.len());
        let byte = u8::try_from(rng.below(256)).unwrap_or_default();
        match rng.below(5) {
            0 => piece.insert(at, byte),
            1 => drop(piece.drain(at..end)),
            2 => piece.extend_from_within(at..end),
            3 => piece.truncate(at),
            _ => piece[at..end].iter_mut().take(1).for_each(|old| *old ^= 1 << (byte % 8)),
        }
    }
    piece
}

#[test]
fn every_target_has_a_program_for_the_fuzzer() -> Result<()> {
    let folder = workspace::root().join("tests/fuzz/fuzz_targets");
    let mut programs = BTreeSet::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        ensure!(std::fs::read_to_string(&path)?.contains(&format!("\"{name}\"")), "{name} runs another target");
        programs.insert(name);
    }
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    ensure!(programs == targets, "{programs:?} are the programs, {targets:?} the targets");
    Ok(())
}
