//! Who is stopped when the host's reserve is in danger. Pure.
//!
//! Who takes most at the moment is not always who took the disk: one that filled it and waits would have the next small writer stopped in
//! its place. And who holds most is not always to blame: a large tenant that is quiet would be stopped for one that fills up what is left. So
//! one tenant that outweighs all others together is stopped, which cannot be two, and otherwise the one that grows.

use super::excess::{AllTaken, Excess, Taken};
use super::pace::Measured;
use crate::disk::{BYTES_PER_FILE, Holding};
use crate::identity::EnvId;
use landfall_host::settings::DiskLimits;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The fall of the free space for which somebody is stopped while the reserve is in danger: a share of it, and at least so many bytes.
const STEPS: u64 = 64;
const MIN_STEP: u64 = 1 << 20;
/// How far back a tenant's growth is known for its weight, and how often it is written down.
const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);
/// How many times what a tenant grew by in the last day is counted besides what it holds.
const GROWTH_WEIGHT: u64 = 10;

/// The measurements by which a shortage is judged.
#[derive(Debug, Default)]
pub(super) struct Shortage {
    /// The last one before the reserve was in danger, or before somebody was looked for.
    before: Option<Measured>,
    /// What tenants took, by the hour.
    hours: VecDeque<(Instant, AllTaken)>,
}

impl Shortage {
    /// Takes note of a measurement. Returns the tenants that have to be stopped, which may be those that are being stopped already.
    pub(super) fn judge(
        &mut self,
        now: &Measured,
        in_danger: bool,
        limits: DiskLimits,
        is_stopped: impl Fn(EnvId) -> bool,
    ) -> Vec<(EnvId, Excess)> {
        self.note_hour(now);
        let step = MIN_STEP.max(limits.reserve / STEPS);
        let fall = self.before.as_ref().map_or(0, |before| before.free.saturating_sub(now.free));
        // Smaller falls add up, however long they take: `before` stays.
        if in_danger && fall < step && self.before.as_ref().is_some_and(|before| before.free >= now.free) {
            return Vec::new();
        }
        let before = self.before.replace(now.clone()).filter(|_| in_danger && fall >= step);
        let (Some(before), Some((_, day))) = (before, self.hours.front()) else { return Vec::new() };
        if let Some(id) = culprit(&before.taken, day, &now.taken, fall, is_stopped) {
            return vec![(id, Excess::of_reserve(limits))];
        }
        // Where nobody can be seen to take it, the last resort is all who keep themselves from being seen: the one may take all at once.
        let unseen = now.taken.iter().filter(|(_, taken)| taken.may_hold_more);
        unseen.map(|(id, _)| (*id, Excess::unseen(limits))).collect()
    }

    fn note_hour(&mut self, now: &Measured) {
        if self.hours.back().is_none_or(|(at, _)| now.at.duration_since(*at) >= HOUR) {
            self.hours.push_back((now.at, now.taken.clone()));
        }
        while self.hours.len() > 1 && self.hours.front().is_some_and(|(at, _)| now.at.duration_since(*at) > DAY) {
            self.hours.pop_front();
        }
    }
}

/// The tenant to blame, where tenants account for at least half of the bytes by which the free space fell since `before`: otherwise
/// something else fills the disk, and stopping tenants would not help.
///
/// What volumes hold counts first. What was written to devices is only asked where that explains too little: it tells of files that nobody
/// can see, but whoever writes the same place again and again takes no space.
fn culprit(
    before: &AllTaken,
    day: &AllTaken,
    now: &AllTaken,
    fall: u64,
    is_stopped: impl Fn(EnvId) -> bool,
) -> Option<EnvId> {
    if let Some(grown) = explains(before, now, fall, by_holding) {
        return Some(outweighs_others(day, now).filter(|id| !is_stopped(*id)).unwrap_or(grown));
    }
    explains(before, now, fall, |taken| taken.written)
}

/// What a tenant holds. Many empty files use up a disk as well.
fn by_holding(taken: &Taken) -> Option<u64> {
    let room = |held: Holding| held.bytes.saturating_add(held.files.saturating_mul(BYTES_PER_FILE));
    taken.held.map(room)
}

/// The tenant that grew most, where all together explain the fall.
fn explains(before: &AllTaken, now: &AllTaken, fall: u64, bytes: impl Fn(&Taken) -> Option<u64>) -> Option<EnvId> {
    let growth = |(id, taken): (&EnvId, &Taken)| Some((growth(before, *id, taken, &bytes)?, *id));
    let grown: Vec<(u64, EnvId)> = now.iter().filter_map(growth).collect();
    let sum = grown.iter().fold(0_u64, |sum, (bytes, _)| sum.saturating_add(*bytes));
    let (most, id) = grown.into_iter().max()?;
    (most > 0 && sum >= fall / 2).then_some(id)
}

fn growth(before: &AllTaken, id: EnvId, now: &Taken, bytes: impl Fn(&Taken) -> Option<u64>) -> Option<u64> {
    // Of a tenant that is new since then, all is growth.
    let earlier = before.get(&id).map_or(Some(0), &bytes)?;
    Some(bytes(now)?.saturating_sub(earlier))
}

/// The tenant that outweighs all others together.
fn outweighs_others(day: &AllTaken, now: &AllTaken) -> Option<EnvId> {
    let weight = |(id, taken): (&EnvId, &Taken)| {
        let grown = growth(day, *id, taken, by_holding).unwrap_or(0);
        (by_holding(taken).unwrap_or(0).saturating_add(grown.saturating_mul(GROWTH_WEIGHT)), *id)
    };
    let (most, id) = now.iter().map(weight).max()?;
    let others = now.iter().map(weight).filter(|(_, other)| *other != id);
    (most > others.fold(0_u64, |sum, (bytes, _)| sum.saturating_add(bytes))).then_some(id)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    const LIMITS: DiskLimits = DiskLimits { tenant: 100 * GIB, reserve: GIB };

    fn holding(bytes: u64) -> Taken {
        Taken { held: Some(Holding { bytes, files: 1, depth: 1 }), written: Some(0), may_hold_more: false }
    }

    fn all(taken: &[(i64, Taken)]) -> AllTaken {
        taken.iter().map(|(id, taken)| (EnvId(*id), *taken)).collect()
    }

    /// A disk on which only tenants take space, as it is measured.
    struct Disk {
        shortage: Shortage,
        now: Measured,
        stopped: Vec<i64>,
    }

    impl Disk {
        /// What tenants hold, numbered from 1, and what is free.
        fn new(held: &[u64], free: u64) -> Self {
            let taken = (1..).zip(held).map(|(id, held)| (EnvId(id), holding(*held))).collect();
            let at = Instant::now();
            let now = Measured { at, took: Duration::from_millis(10), free_before: free, free, taken };
            let mut disk = Self { shortage: Shortage::default(), now, stopped: Vec::new() };
            disk.measure();
            disk
        }

        fn measure(&mut self) {
            let stopped = self.stopped.clone();
            let in_danger = self.now.free < LIMITS.reserve;
            let culprits = self.shortage.judge(&self.now, in_danger, LIMITS, |id| stopped.contains(&id.0));
            self.stopped.extend(culprits.into_iter().map(|(id, _)| id.0).filter(|id| !stopped.contains(id)));
        }

        /// After so many seconds, a tenant holds so much more.
        fn grow(&mut self, id: i64, bytes: u64, seconds: u64) {
            self.now.at += Duration::from_secs(seconds);
            self.now.free = self.now.free.saturating_sub(bytes);
            self.now.taken.get_mut(&EnvId(id)).unwrap().held.as_mut().unwrap().bytes += bytes;
            self.measure();
        }

        /// Grows a tenant in steps until somebody is stopped; returns who, and how much is free then.
        fn fill(&mut self, id: i64, step: u64, seconds: u64) -> (i64, u64) {
            let before = self.stopped.len();
            while self.stopped.len() == before && self.now.free > 0 {
                self.grow(id, step, seconds);
            }
            (*self.stopped.last().unwrap(), self.now.free)
        }
    }

    #[test]
    fn all_of_the_disk_in_one_step_is_seen_however_long_ago_tenants_were_measured() {
        let mut disk = Disk::new(&[GIB, 2 * GIB], 50 * GIB);
        disk.grow(1, 50 * GIB, 299);
        assert_eq!(disk.stopped, [1]);
    }

    #[test]
    fn slow_growth_below_the_reserve_adds_up() {
        let mut disk = Disk::new(&[GIB, GIB], GIB);
        // Half a megabyte in eleven seconds, for which a measurement is made.
        assert_eq!(disk.fill(2, MIB / 2, 11), (2, GIB - 16 * MIB));
    }

    #[test]
    fn one_that_filled_the_disk_is_stopped_and_not_the_small_one_that_writes_then() {
        // Whether it has just done so, or waited for days: then by what it holds.
        for hours in [0, 50] {
            let mut disk = Disk::new(&[MIB, MIB, 5 * GIB], 50 * GIB);
            disk.grow(1, 49 * GIB - MIB, 600);
            for _ in 0..hours {
                disk.grow(2, 0, 3600);
            }
            disk.grow(2, 3 * MIB, 1);
            assert!(disk.stopped.is_empty(), "it is nothing to speak of");
            assert_eq!(disk.fill(2, MIB, 1).0, 1, "{hours}");
            // One that goes on has its turn, and one that is quiet is left alone, large or not.
            assert_eq!(disk.fill(2, MIB, 1).0, 2, "{hours}");
        }
    }

    #[test]
    fn a_large_tenant_that_is_quiet_is_not_stopped_for_one_that_fills_up_the_rest() {
        let mut disk = Disk::new(&[60 * GIB, MIB], 35 * GIB);
        assert_eq!(disk.fill(2, GIB, 10).0, 2);
    }

    #[test]
    fn while_there_is_room_nobody_is_stopped() {
        let mut disk = Disk::new(&[MIB, MIB], 50 * GIB);
        disk.grow(1, 49 * GIB, 1);
        assert!(disk.stopped.is_empty());
    }

    #[test]
    fn what_the_host_takes_is_not_added_to_what_tenants_take_later() {
        let mut disk = Disk::new(&[GIB, GIB], 50 * GIB);
        disk.now.free = GIB / 2;
        disk.measure();
        assert!(disk.stopped.is_empty(), "tenants are not to blame");
        assert_eq!(disk.fill(2, MIB, 1), (2, GIB / 2 - 16 * MIB));
    }

    #[test]
    fn where_nobody_is_seen_to_take_the_disk_those_are_stopped_who_cannot_be_seen_whole() {
        let mut disk = Disk::new(&[GIB, GIB, GIB], 50 * GIB);
        for id in [1, 3] {
            disk.now.taken.get_mut(&EnvId(id)).unwrap().may_hold_more = true;
        }
        disk.grow(2, 50 * GIB, 1);
        assert_eq!(disk.stopped, [2], "it is seen to take it");
        disk.now.free = 50 * GIB;
        disk.measure();
        disk.now.free = 0;
        disk.measure();
        assert_eq!(disk.stopped, [2, 1, 3]);
    }

    #[test]
    fn what_tenants_hold_is_asked_first_and_then_what_they_wrote() {
        let writes = |written| Taken { written: Some(written), ..holding(100) };
        let unseen = |written| Taken { written: Some(written), ..Taken::default() };
        for (before, now, fall, stopped) in [
            // It grew most.
            (all(&[(1, holding(100)), (2, holding(500))]), all(&[(1, holding(900)), (2, holding(700))]), 1000, Some(1)),
            // It is new.
            (all(&[(1, holding(100))]), all(&[(1, holding(100)), (2, holding(700))]), 700, Some(2)),
            // The host fills its disk by itself.
            (all(&[(1, holding(100))]), all(&[(1, holding(200))]), 1000, None),
            (all(&[(1, holding(100))]), all(&[(1, holding(100))]), 0, None),
            // Nobody sees its files.
            (all(&[(1, writes(0)), (2, writes(0))]), all(&[(1, writes(5)), (2, writes(900))]), 1000, Some(2)),
            // It writes the same place again and again, while another one grows.
            (all(&[(1, writes(0)), (2, holding(0))]), all(&[(1, writes(9000)), (2, holding(900))]), 1000, Some(2)),
            // It makes empty files.
            (
                all(&[(1, holding(100)), (2, holding(0))]),
                all(&[
                    (1, Taken { held: Some(Holding { bytes: 100, files: 101, depth: 1 }), ..Taken::default() }),
                    (2, holding(9)),
                ]),
                100 * BYTES_PER_FILE,
                Some(1),
            ),
            // It has more files than can be counted in time.
            (all(&[(1, unseen(0)), (2, holding(0))]), all(&[(1, unseen(900)), (2, holding(1))]), 1000, Some(1)),
        ] {
            let culprit = culprit(&before, &before, &now, fall, |_| false);
            assert_eq!(culprit, stopped.map(EnvId), "{before:?} {now:?} {fall}");
        }
    }
}
