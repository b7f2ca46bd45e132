//! The installation counts. From here on there is only forward.

use super::Install;
use crate::installed::{raise_floor, write_json, write_product};
use crate::journal::Installation;
use crate::layout::Layout;
use crate::site::Site;

pub(super) fn act(install: &Install<'_>, installation: &Installation) -> anyhow::Result<()> {
    finish(&install.site.layout, installation)
}

/// Records the release. Also what recovery does with an installation that is committed.
pub(crate) fn finish(layout: &Layout, installation: &Installation) -> anyhow::Result<()> {
    raise_floor(layout, installation.record.current.serial)?;
    write_product(layout, &installation.record.current.product)?;
    Ok(write_json(&layout.installed(), &installation.record)?)
}

/// Never asked for: a committed installation is finished, not undone.
#[expect(clippy::unnecessary_wraps, reason = "has the form of every undo")]
pub(super) fn undo(_: &Site, _: &Installation) -> anyhow::Result<()> {
    Ok(())
}
