//! Which tenants have to be stopped for the disk, and why. Pure.

use crate::disk::{BYTES_PER_FILE, Holding, MAX_DEPTH};
use crate::identity::EnvId;
use landfall_console::Size;
use landfall_host::settings::DiskLimits;
use std::collections::BTreeMap;
use std::fmt;

/// How much more than the reserve has to be free before a tenant that was stopped for it starts again: a share of it, and at least so much.
const ROOM_SHARE: u64 = 4;
const MIN_ROOM: u64 = 64 << 20;

/// What a tenant's volumes may hold.
pub(super) fn most(limits: DiskLimits) -> Holding {
    Holding { bytes: limits.tenant, files: limits.tenant / BYTES_PER_FILE, depth: MAX_DEPTH }
}

/// What one tenant takes. What could not be found out is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// What its volumes hold, and the files without a name that it uses.
    pub(super) held: Option<Holding>,
    /// The bytes that its container has written since its start.
    pub(super) written: Option<u64>,
    /// Whether it may use files besides that nobody sees.
    pub(super) may_hold_more: bool,
}

/// What each tenant takes.
pub(super) type AllTaken = BTreeMap<EnvId, Taken>;

/// Why a tenant is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// Its volumes hold more than they may.
    Limit {
        /// What they hold; counting ended there.
        held: Holding,
        /// What they may hold.
        most: Holding,
    },
    /// It took most when the host's reserve was about to be used up.
    Reserve {
        /// It starts again as soon as so many bytes are free.
        until_free: u64,
    },
    /// It may use files that nobody sees, when something used up the host's reserve that nobody could be seen to take.
    Unseen {
        /// It starts again as soon as so many bytes are free.
        until_free: u64,
    },
}

impl Excess {
    /// Of a tenant that took most.
    pub(super) fn of_reserve(limits: DiskLimits) -> Self {
        Self::Reserve { until_free: room_to_start(limits) }
    }

    /// Of a tenant that may use files which nobody sees.
    pub(super) fn unseen(limits: DiskLimits) -> Self {
        Self::Unseen { until_free: room_to_start(limits) }
    }

    /// Whether the reason to stop it is gone.
    pub(super) fn has_ended(self, now: Taken, free: u64, limits: DiskLimits) -> bool {
        match self {
            // What cannot be counted is not known to be less.
            Self::Limit { .. } => now.held.is_some_and(|held| !held.exceeds(most(limits))),
            Self::Reserve { until_free } | Self::Unseen { until_free } => free >= until_free,
        }
    }
}

/// What has to be free before a tenant starts again that was stopped for the reserve. Not by how much was free when it was stopped:
/// that may be more than there ever is again.
fn room_to_start(limits: DiskLimits) -> u64 {
    limits.reserve.saturating_add(MIN_ROOM.max(limits.reserve / ROOM_SHARE))
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { held, most } if held.bytes > most.bytes => {
                write!(f, "its volumes hold more than {:#}, which tenants.disk allows", Size(most.bytes))?;
            }
            Self::Limit { held, most } if held.files > most.files => {
                write!(f, "its volumes hold more than {} files, as many as go with tenants.disk", most.files)?;
            }
            Self::Limit { most, .. } => {
                write!(f, "its volumes hold folders more than {} deep, which cannot be counted", most.depth)?;
            }
            Self::Reserve { until_free } => return write_reserve(f, "it took most", *until_free),
            Self::Unseen { until_free } => {
                let what =
                    "it uses too many files, or passes them around, for all to be seen, and nobody else could be found";
                return write_reserve(f, what, *until_free);
            }
        }
        f.write_str(
            "; it starts again when they hold less: remove files from its volumes, raise tenants.disk, or destroy it",
        )
    }
}

fn write_reserve(f: &mut fmt::Formatter<'_>, what: &str, until_free: u64) -> fmt::Result {
    write!(
        f,
        "{what} when tenants.disk_reserve was about to be used up; it starts again when {:#} are free: \
         remove files on the host, or tenants",
        Size(until_free)
    )
}

/// The tenants whose volumes hold too much.
pub(super) fn over_limit(now: &AllTaken, limits: DiskLimits) -> Vec<(EnvId, Excess)> {
    let most = most(limits);
    let excess = |(id, taken): (&EnvId, &Taken)| {
        let held = taken.held.filter(|held| held.exceeds(most))?;
        Some((*id, Excess::Limit { held, most }))
    };
    now.iter().filter_map(excess).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DiskLimits = DiskLimits { tenant: 1 << 20, reserve: 1 << 30 };

    fn holding(bytes: u64) -> Taken {
        Taken { held: Some(Holding { bytes, files: 1, depth: 1 }), written: Some(0), may_hold_more: false }
    }

    fn all(taken: &[(i64, Taken)]) -> AllTaken {
        taken.iter().map(|(id, taken)| (EnvId(*id), *taken)).collect()
    }

    #[test]
    fn who_holds_too_much_is_stopped_until_it_holds_less() {
        let many = Taken { held: Some(Holding { bytes: 0, files: 65, depth: 1 }), ..Taken::default() };
        let deep = Taken { held: Some(Holding { bytes: 0, files: 9, depth: MAX_DEPTH + 1 }), ..Taken::default() };
        let now =
            all(&[(1, holding(1 << 20)), (2, holding((1 << 20) + 1)), (3, many), (4, deep), (5, Taken::default())]);
        let stopped = over_limit(&now, LIMITS);
        assert_eq!(stopped.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [2, 3, 4]);
        let texts: Vec<String> = stopped.iter().map(|(_, excess)| excess.to_string()).collect();
        for (text, part) in
            texts.iter().zip(["more than 1.00 MiB (1048576 bytes),", "more than 64 files", "more than 256 deep"])
        {
            assert!(text.contains(part) && text.contains("raise tenants.disk"), "{text}");
        }
        let (_, excess) = stopped[0];
        assert!(excess.has_ended(holding(1 << 20), 0, LIMITS));
        assert!(!excess.has_ended(holding((1 << 20) + 1), u64::MAX, LIMITS));
        assert!(
            excess.has_ended(holding((1 << 20) + 1), 0, DiskLimits { tenant: 2 << 20, ..LIMITS }),
            "the limit was raised"
        );
        assert!(!excess.has_ended(Taken::default(), u64::MAX, LIMITS), "not known to hold less");
    }

    #[test]
    fn who_is_stopped_for_the_reserve_starts_again_when_there_is_room() {
        let excess = Excess::of_reserve(LIMITS);
        assert!(!excess.has_ended(holding(0), (5 << 28) - 1, LIMITS));
        assert!(excess.has_ended(holding(0), 5 << 28, LIMITS));
        assert!(excess.to_string().contains("when 1.25 GiB (1342177280 bytes) are free"), "{excess}");
    }
}
