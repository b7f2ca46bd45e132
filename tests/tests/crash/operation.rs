//! The table of operations.

use crate::database;
use crate::fixtures::{FIRST, Fixtures};
use anyhow::Result;
use landfall_tests::Command;
use std::path::Path;

/// Something that the installer does to a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Makes a bare host into what the operation finds.
    pub(crate) setup: fn(&Fixtures, &Path) -> Result<()>,
    pub(crate) command: fn(&Fixtures, &Path) -> Command,
    /// How it ends when nobody disturbs it.
    pub(crate) exit: i32,
}

/// The first installation.
pub(crate) const INSTALL: Operation =
    Operation { name: "install", setup: |_, _| Ok(()), command: Fixtures::install, exit: 0 };

/// Settings, database and records stay.
pub(crate) const UNINSTALL: Operation = Operation {
    name: "uninstall",
    setup: installed,
    command: |fixtures, root| fixtures.run(root, &["uninstall", "--yes"]),
    exit: 0,
};

/// Nothing stays.
pub(crate) const PURGE: Operation = Operation {
    name: "purge",
    setup: installed,
    command: |fixtures, root| fixtures.run(root, &["uninstall", "--purge", "--yes"]),
    exit: 0,
};

/// What is interrupted is settled.
pub(crate) const RECOVER: Operation = Operation {
    name: "recover",
    setup: |_, _| Ok(()),
    command: |fixtures, root| fixtures.run(root, &["recover"]),
    exit: 0,
};

/// A newer trust root comes, without a release.
pub(crate) const TRUST_IMPORT: Operation =
    Operation { name: "trust import", setup: installed, command: Fixtures::import, exit: 0 };

/// A setting of this host changes.
pub(crate) const SET: Operation = Operation {
    name: "config set",
    setup: installed,
    command: |fixtures, root| fixtures.run(root, &["config", "set", "update.keep=3"]),
    exit: 0,
};

/// The next release comes, with another schema and a newer trust root.
pub(crate) const UPDATE: Operation = Operation { name: "update", setup: in_use, command: Fixtures::update, exit: 0 };

/// The same release comes in parts, of which one is lost, with a patch.
pub(crate) const PATCHED_UPDATE: Operation =
    Operation { name: "patched update", setup: in_use, command: Fixtures::patched_update, exit: 0 };

/// The same release comes as a delta.
pub(crate) const DELTA_UPDATE: Operation =
    Operation { name: "delta update", setup: in_use, command: Fixtures::delta_update, exit: 0 };

/// The next release comes and goes: its own recovery is broken.
pub(crate) const FAILING_UPDATE: Operation =
    Operation { name: "failing update", setup: in_use, command: Fixtures::failing_update, exit: 7 };

/// The release before comes back.
pub(crate) const ROLLBACK: Operation = Operation {
    name: "rollback",
    setup: updated,
    command: |fixtures, root| fixtures.run(root, &["rollback", "--to", FIRST, "--yes"]),
    exit: 0,
};

fn installed(fixtures: &Fixtures, root: &Path) -> Result<()> {
    fixtures.install(root).ok().map(drop)
}

fn in_use(fixtures: &Fixtures, root: &Path) -> Result<()> {
    installed(fixtures, root)?;
    database::fill(root)
}

fn updated(fixtures: &Fixtures, root: &Path) -> Result<()> {
    in_use(fixtures, root)?;
    fixtures.update(root).ok()?;
    database::mark(root)
}
