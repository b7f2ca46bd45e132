//! The table of operations.

use crate::database;
use crate::site::{FIRST, Site};
use anyhow::Result;
use landfall_tests::Command;
use std::path::Path;

/// Something that the installer does to a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Makes a bare host into what the operation finds.
    pub(crate) ground: fn(&Site, &Path) -> Result<()>,
    pub(crate) command: fn(&Site, &Path) -> Command,
    /// How it ends when nobody disturbs it.
    pub(crate) exit: i32,
}

/// The first installation.
pub(crate) const INSTALL: Operation =
    Operation { name: "install", ground: |_, _| Ok(()), command: Site::install, exit: 0 };

/// Settings, database and records stay.
pub(crate) const UNINSTALL: Operation = Operation {
    name: "uninstall",
    ground: installed,
    command: |site, root| site.run(root, &["uninstall", "--yes"]),
    exit: 0,
};

/// Nothing stays.
pub(crate) const PURGE: Operation = Operation {
    name: "purge",
    ground: installed,
    command: |site, root| site.run(root, &["uninstall", "--purge", "--yes"]),
    exit: 0,
};

/// What is interrupted is settled.
pub(crate) const RECOVER: Operation =
    Operation { name: "recover", ground: |_, _| Ok(()), command: |site, root| site.run(root, &["recover"]), exit: 0 };

/// A newer trust root comes, without a release.
pub(crate) const TRUST_IMPORT: Operation =
    Operation { name: "trust import", ground: installed, command: Site::import, exit: 0 };

/// The next release comes, with another schema and a newer trust root.
pub(crate) const UPDATE: Operation = Operation { name: "update", ground: in_use, command: Site::update, exit: 0 };

/// The same release comes in parts, of which one is lost, with a patch.
pub(crate) const MENDED_UPDATE: Operation =
    Operation { name: "mended update", ground: in_use, command: Site::mended_update, exit: 0 };

/// The next release comes and goes: its own recovery is broken.
pub(crate) const FAILING_UPDATE: Operation =
    Operation { name: "failing update", ground: in_use, command: Site::failing_update, exit: 7 };

/// The release before comes back.
pub(crate) const ROLLBACK: Operation = Operation {
    name: "rollback",
    ground: updated,
    command: |site, root| site.run(root, &["rollback", "--to", FIRST, "--yes"]),
    exit: 0,
};

fn installed(site: &Site, root: &Path) -> Result<()> {
    site.install(root).ok().map(drop)
}

fn in_use(site: &Site, root: &Path) -> Result<()> {
    installed(site, root)?;
    database::fill(root)
}

fn updated(site: &Site, root: &Path) -> Result<()> {
    in_use(site, root)?;
    site.update(root).ok()?;
    database::mark(root)
}
