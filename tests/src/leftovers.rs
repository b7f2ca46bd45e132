//! What is left of Landfall on a host once it is gone: nothing.

use crate::{FileList, Installation, Tenant};
use anyhow::{Result, ensure};

/// What destroyed tenants may leave behind.
const OF_TENANTS: [(&str, &str); 3] = [
    ("containers", "docker ps --all --quiet"),
    ("volumes", "docker volume ls --quiet"),
    // But for those that each engine has from the beginning.
    ("networks", "docker network ls --format '{{.Name}}' | grep -vx -e bridge -e host -e none -e podman || true"),
];

/// What an uninstallation may leave behind, beside files.
const OF_LANDFALL: [(&str, &str); 4] = [
    ("images", "docker image ls --quiet"),
    ("units", "systemctl list-units --all --plain --no-legend 'landfall*'"),
    ("firewall rules", "nft list ruleset | grep lft || true"),
    ("bridges", "ip -brief link | grep ^lft || true"),
];

/// Makes what another installation's tenant of the same number would have.
const ANOTHERS_VOLUME: &str = "docker volume create --label io.landfall.tenant=1 \
    --label io.landfall.installation=00000000000000000000000000000000 of-another";

impl Installation<'_> {
    /// Destroys the tenants, purges Landfall, and compares the host with what it was `before`.
    pub fn leaves_no_trace(self, tenants: &[Tenant], before: &FileList) -> Result<()> {
        for tenant in tenants {
            self.destroy(tenant)?;
        }
        self.has_none_of(&OF_TENANTS)?;
        // Another installation on the same engine keeps what it has.
        self.host().ok(ANOTHERS_VOLUME)?;
        self.host().ok("landfall-installer uninstall --purge --yes")?;
        self.host().ok("docker volume rm of-another")?;
        let difference = before.difference(&FileList::of(self.host())?);
        ensure!(difference.is_empty(), "uninstall leaves\n{difference}");
        self.has_none_of(&OF_LANDFALL)
    }

    fn has_none_of(self, lists: &[(&str, &str)]) -> Result<()> {
        for (what, list) in lists {
            let left = self.host().ok(list)?;
            ensure!(left.is_empty(), "{what} are left: {left}");
        }
        Ok(())
    }
}
