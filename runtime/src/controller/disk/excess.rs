//! Which tenants have to be stopped for the disk, and why. Pure.

use crate::disk::{BYTES_PER_FILE, Holding, MAX_DEPTH};
use crate::identity::EnvId;
use landfall_console::Size;
use landfall_host::settings::DiskLimits;
use std::collections::BTreeMap;
use std::fmt;

/// What a tenant's volumes may hold.
pub(super) fn most(limits: DiskLimits) -> Holding {
    Holding { bytes: limits.tenant, files: limits.tenant / BYTES_PER_FILE, depth: MAX_DEPTH }
}

/// What one tenant takes. What could not be found out is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// What its volumes hold.
    pub(super) held: Option<Holding>,
    /// The bytes that its container has written since its start.
    pub(super) written: Option<u64>,
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
    /// It grew most when the host's reserve was about to be used up.
    Reserve {
        /// It starts again as soon as so many bytes are free.
        until_free: u64,
    },
}

impl Excess {
    /// Whether the reason to stop it is gone.
    pub(super) fn has_ended(self, now: Taken, free: u64, limits: DiskLimits) -> bool {
        match self {
            // What cannot be counted is not known to be less.
            Self::Limit { .. } => now.held.is_some_and(|held| !held.exceeds(most(limits))),
            Self::Reserve { until_free } => free >= until_free,
        }
    }
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
            Self::Reserve { until_free } => {
                return write!(
                    f,
                    "it grew most when tenants.disk_reserve was about to be used up; it starts again when {:#} are free: \
                     remove files on the host, or tenants",
                    Size(*until_free)
                );
            }
        }
        f.write_str(
            "; it starts again when they hold less: remove files from its volumes, raise tenants.disk, or destroy it",
        )
    }
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

/// The tenant that grew most since `before`, where tenants account for at least half of the bytes by which the free space fell: otherwise
/// something else fills the disk, and stopping tenants would not help.
///
/// What volumes hold counts first. What was written to devices is only asked where that explains too little: a file without a name
/// takes space that nobody can see, but whoever writes the same place again and again takes none.
pub(super) fn fastest(before: &AllTaken, now: &AllTaken, fall: u64) -> Option<EnvId> {
    // Many empty files use up a disk as well.
    let room = |held: Holding| held.bytes.saturating_add(held.files.saturating_mul(BYTES_PER_FILE));
    let by_holding = |taken: &Taken| taken.held.map(room);
    let by_writing = |taken: &Taken| taken.written;
    explains(before, now, fall, by_holding).or_else(|| explains(before, now, fall, by_writing))
}

fn explains(before: &AllTaken, now: &AllTaken, fall: u64, bytes: impl Fn(&Taken) -> Option<u64>) -> Option<EnvId> {
    let growth = |(id, taken): (&EnvId, &Taken)| {
        // Of a tenant that is new since then, all is growth.
        let earlier = before.get(id).map_or(Some(0), &bytes)?;
        Some((bytes(taken)?.saturating_sub(earlier), *id))
    };
    let grown: Vec<(u64, EnvId)> = now.iter().filter_map(growth).collect();
    let sum = grown.iter().fold(0_u64, |sum, (bytes, _)| sum.saturating_add(*bytes));
    let (most, id) = grown.into_iter().max()?;
    (most > 0 && sum >= fall / 2).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DiskLimits = DiskLimits { tenant: 1 << 20, reserve: 1 << 30 };

    fn holding(bytes: u64) -> Taken {
        Taken { held: Some(Holding { bytes, files: 1, depth: 1 }), written: Some(0) }
    }

    fn all(taken: &[(i64, Taken)]) -> AllTaken {
        taken.iter().map(|(id, taken)| (EnvId(*id), *taken)).collect()
    }

    #[test]
    fn who_holds_too_much_is_stopped_until_it_holds_less() {
        let many = Taken { held: Some(Holding { bytes: 0, files: 65, depth: 1 }), written: None };
        let deep = Taken { held: Some(Holding { bytes: 0, files: 9, depth: MAX_DEPTH + 1 }), written: None };
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
        let excess = Excess::Reserve { until_free: 100 };
        assert!(!excess.has_ended(holding(0), 99, LIMITS));
        assert!(excess.has_ended(holding(0), 100, LIMITS));
        assert!(excess.to_string().contains("when 100 B are free"));
    }

    #[test]
    fn the_fastest_is_stopped_where_tenants_are_what_fills_the_disk() {
        let writes = |written| Taken { written: Some(written), ..holding(100) };
        let unseen = |written| Taken { held: None, written: Some(written) };
        for (before, now, fall, stopped) in [
            // It grew most.
            (all(&[(1, holding(100)), (2, holding(500))]), all(&[(1, holding(900)), (2, holding(700))]), 1000, Some(1)),
            // It is new.
            (all(&[(1, holding(100))]), all(&[(1, holding(100)), (2, holding(700))]), 700, Some(2)),
            // The host fills its disk by itself.
            (all(&[(1, holding(100))]), all(&[(1, holding(200))]), 1000, None),
            (all(&[(1, holding(100))]), all(&[(1, holding(100))]), 0, None),
            // Its file has no name any more.
            (all(&[(1, writes(0)), (2, writes(0))]), all(&[(1, writes(5)), (2, writes(900))]), 1000, Some(2)),
            // It writes the same place again and again, while another one grows.
            (all(&[(1, writes(0)), (2, holding(0))]), all(&[(1, writes(9000)), (2, holding(900))]), 1000, Some(2)),
            // It makes empty files.
            (
                all(&[(1, holding(100)), (2, holding(0))]),
                all(&[
                    (1, Taken { held: Some(Holding { bytes: 100, files: 101, depth: 1 }), written: None }),
                    (2, holding(9)),
                ]),
                100 * BYTES_PER_FILE,
                Some(1),
            ),
            // It has more files than can be counted in time.
            (all(&[(1, unseen(0)), (2, holding(0))]), all(&[(1, unseen(900)), (2, holding(1))]), 1000, Some(1)),
        ] {
            assert_eq!(fastest(&before, &now, fall), stopped.map(EnvId), "{before:?} {now:?} {fall}");
        }
    }
}
