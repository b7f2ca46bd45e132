//! Whether the host is fit for a plan. Facts are gathered at the edge; this decides, and changes nothing.

mod facts;
mod pool;
mod problem;

pub(crate) use facts::{Addresses, Facts, FileSystem};
pub(crate) use pool::{Holder, PRIVATE_RANGES, Pool, PoolSetting, UsedNetwork};
pub(crate) use problem::{Problem, Warning};

use crate::engine::{About, MIN_API};
use crate::plan::Plan;
use std::collections::BTreeMap;

/// Left free on each file system, in bytes: for what a running host writes meanwhile and for a file system's own books.
pub(crate) const MARGIN: u64 = 16 << 20;
/// A clock before this is not set (2024-01-01T00:00:00Z, in seconds since 1970). It only makes logs hard to read.
const PLAUSIBLE_TIME: u64 = 1_704_067_200;
/// What tenants' limits are made of (Control Groups: `memory`, `cpu`, `pids`).
const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];

/// Everything that prevents the plan, and everything else that the operator should know.
pub(crate) fn judge(plan: &Plan, facts: &Facts) -> (Vec<Problem>, Vec<Warning>) {
    let mut problems = Vec::new();
    if facts.needs_root {
        problems.push(Problem::NotRoot);
    }
    problems.extend(facts.not_folders.iter().cloned().map(Problem::NotAFolder));
    problems.extend(facts.occupied.iter().cloned().map(Problem::Occupied));
    problems.extend(facts.no_recovery.clone().map(Problem::NoRecovery));
    problems.extend(room(plan, facts));
    let addresses = facts.addresses.as_ref();
    problems.extend(addresses.and_then(|addresses| pool::judge(addresses.pool, &addresses.used)).map(Problem::Pool));
    problems.extend(facts.taken_ports.iter().map(|(port, reason)| Problem::Port(*port, reason.clone())));
    if facts.lacks_systemd {
        problems.push(Problem::NoSystemd);
    }
    problems.extend(engine(facts));
    let warnings = (facts.seconds_since_1970 < PLAUSIBLE_TIME).then_some(Warning::Clock).into_iter();
    let links = facts.foreign_links.iter().cloned().map(Warning::ForeignLink);
    (problems, warnings.chain(links).collect())
}

/// Needs are added up by file system.
fn room(plan: &Plan, facts: &Facts) -> Vec<Problem> {
    let mut needed: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut problems = Vec::new();
    for need in &plan.space {
        // A folder of the engine that is not on this host: its room is the other machine's.
        let Some(system) = facts.file_systems.get(&need.folder) else { continue };
        // The margin once for each file system, however many needs share it.
        let (bytes, inodes) = needed.entry(system.device).or_insert((MARGIN, 0));
        *bytes += need.bytes;
        *inodes += need.inodes;
    }
    let mut systems: BTreeMap<u64, &FileSystem> = BTreeMap::new();
    facts.file_systems.values().for_each(|system| {
        systems.entry(system.device).or_insert(system);
    });
    for (device, (bytes, inodes)) in needed {
        let Some(system) = systems.get(&device) else { continue };
        let at = system.mount.clone();
        // Before the room: a file system that is mounted read-only reports its free bytes all the same.
        if system.read_only {
            problems.push(Problem::ReadOnly(at));
        } else if system.free_bytes < bytes {
            problems.push(Problem::Room { at, needed: bytes, free: system.free_bytes });
        } else if system.free_inodes.is_some_and(|free| free < inodes) {
            problems.push(Problem::Inodes { at, needed: inodes, free: system.free_inodes.unwrap_or_default() });
        }
    }
    problems
}

/// What prevents the plan of an engine that is there only now.
pub(crate) fn judge_engine(about: &About, controllers: Option<&[String]>, addresses: &Addresses) -> Vec<Problem> {
    let in_use = pool::judge(addresses.pool, &addresses.used).map(Problem::Pool);
    of_engine(about, controllers).into_iter().chain(in_use).collect()
}

fn engine(facts: &Facts) -> Vec<Problem> {
    match &facts.engine {
        None => Vec::new(),
        Some(Err(reason)) => vec![Problem::Engine(reason.clone())],
        Some(Ok(about)) => of_engine(about, facts.controllers.as_deref()),
    }
}

fn of_engine(about: &About, controllers: Option<&[String]>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if about.api.is_none_or(|api| api < MIN_API) {
        problems.push(Problem::EngineTooOld { version: about.version.clone(), api: about.api });
    }
    let missing = CONTROLLERS.into_iter().filter(|controller| {
        // Where the kernel lists none, the engine's word counts.
        let known = controllers.is_none_or(|known| known.iter().any(|name| name == controller));
        !known || about.missing_limits.contains(controller)
    });
    problems.extend(missing.map(Problem::Controller));
    problems
}

#[cfg(test)]
mod tests;
