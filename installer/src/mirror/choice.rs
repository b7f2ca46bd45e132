//! Which of a mirror's bundles a host takes: a pure function of the index and the host's records.

use crate::plan::policy::Refusal;
use crate::state::installed::Installed;
use landfall_manifests::{Arch, BundleIndex, IndexedBundle, Os, Serial, Version};
use std::fmt;

/// What a mirror has for a host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice<'a> {
    /// The newest bundle that may come in, if it is newer than what runs.
    pub(crate) newest: Option<&'a IndexedBundle>,
    /// The newest of all, if it may not.
    pub(crate) beyond: Option<(&'a IndexedBundle, Obstacle)>,
}

/// Why a newer bundle is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It can be reached from this version or a later one only.
    Path(Version),
    /// It, or one with its serial, is on this host, and another one was preferred.
    LeftBehind,
    /// It is below the host's floor.
    Floor(Serial),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(oldest) => write!(f, "which can be reached from version {oldest} or later only"),
            Self::LeftBehind => f.write_str("which this host has left again: to go there, name its file"),
            Self::Floor(floor) => write!(f, "which is below this host's floor of {floor}"),
        }
    }
}

impl<'a> Choice<'a> {
    /// Chooses.
    ///
    /// # Errors
    /// The mirror is of another product.
    pub(crate) fn of(
        index: &'a BundleIndex,
        installed: &Installed,
        floor: Option<Serial>,
        arch: Option<Arch>,
    ) -> Result<Self, Refusal> {
        let product = &installed.current.product;
        if index.product != *product {
            return Err(Refusal::Product { installed: product.clone(), offered: index.product.clone() });
        }
        let is_for_this_host = |bundle: &&IndexedBundle| bundle.os == Os::Linux && Some(bundle.arch) == arch;
        let mut newer: Vec<&IndexedBundle> = index.bundles.iter().filter(is_for_this_host).collect();
        newer.retain(|bundle| bundle.serial > installed.current.serial);
        newer.sort_by_key(|bundle| bundle.serial);
        let judged = |bundle: &IndexedBundle| obstacle(bundle, installed, floor);
        let newest = newer.iter().rev().find(|bundle| judged(bundle).is_none()).copied();
        let beyond = newer.last().and_then(|bundle| Some((*bundle, judged(bundle)?)));
        Ok(Self { newest, beyond })
    }
}

fn obstacle(bundle: &IndexedBundle, installed: &Installed, floor: Option<Serial>) -> Option<Obstacle> {
    if installed.kept.iter().any(|kept| kept.serial == bundle.serial) {
        return Some(Obstacle::LeftBehind);
    }
    if let Some(floor) = floor.filter(|floor| bundle.serial < *floor) {
        return Some(Obstacle::Floor(floor));
    }
    let oldest = bundle.min_upgrade_from.as_ref().filter(|oldest| installed.current.version < **oldest);
    oldest.map(|oldest| Obstacle::Path(oldest.clone()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::fixture::{installed, installed_release};
    use landfall_manifests::Digest;

    fn bundle(serial: u64, arch: Arch, oldest: Option<&str>) -> IndexedBundle {
        let version = format!("1.{serial}.0");
        IndexedBundle {
            file: format!("{}-{serial}.landfall.tar", arch.name()),
            manifest: Digest::of(version.as_bytes()),
            version: version.parse().unwrap(),
            serial: serial.try_into().unwrap(),
            os: Os::Linux,
            arch,
            min_upgrade_from: oldest.map(|oldest| oldest.parse().unwrap()),
            size: 1,
        }
    }

    #[test]
    fn the_newest_that_may_come_in_is_taken_and_a_newer_one_is_explained() {
        let (amd64, arm64) = (Arch::Amd64, Arch::Arm64);
        // The host runs serial 3, and has left serial 5 again.
        let host = installed(installed_release("1.3.0", 3), vec![installed_release("1.5.0", 5)]);
        let none = None::<u64>;
        for (bundles, floor, taken, told) in [
            (vec![], 5, none, ""),
            (vec![bundle(2, amd64, None), bundle(3, amd64, None)], 3, none, ""),
            (vec![bundle(4, amd64, None), bundle(6, arm64, None)], 3, Some(4), ""),
            (vec![bundle(6, amd64, None), bundle(7, amd64, Some("1.3.0"))], 5, Some(7), ""),
            (vec![bundle(6, amd64, None), bundle(7, amd64, Some("1.6.0"))], 5, Some(6), "from version 1.6.0"),
            (vec![bundle(4, amd64, None), bundle(5, amd64, None)], 5, none, "which this host has left again"),
            (vec![bundle(4, amd64, None)], 5, none, "below this host's floor of 5"),
        ] {
            let index = BundleIndex::new(host.current.product.clone(), bundles).unwrap();
            let floor = Some(floor.try_into().unwrap());
            let choice = Choice::of(&index, &host, floor, Some(amd64)).unwrap();
            assert_eq!(choice.newest.map(|bundle| bundle.serial.into()), taken, "{index:?}");
            let beyond = choice.beyond.map(|(_, obstacle)| obstacle.to_string()).unwrap_or_default();
            assert!(beyond.contains(told) && beyond.is_empty() == told.is_empty(), "{beyond}");
        }
        let other = BundleIndex::new("other".parse().unwrap(), vec![bundle(4, amd64, None)]).unwrap();
        assert!(matches!(Choice::of(&other, &host, None, Some(amd64)), Err(Refusal::Product { .. })));
    }
}
