use super::RootReport;
use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::retained_release::{self, RefusedRelease};
use crate::state::installed::Installed;
use crate::trust;
use landfall_console::Console;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Show the trust root of this host, and which of its releases it would refuse today. Changes nothing
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

#[derive(Debug, Serialize)]
struct Report {
    path: PathBuf,
    /// `null` where no root is pinned yet: the first installation does that.
    root: Option<RootReport>,
    /// The releases on this host that the root would refuse today.
    refused: Vec<RefusedRelease>,
}

pub(super) fn run(host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    let (pinned, installed) = (trust::pinned(&layout)?, Installed::read(&layout)?);
    let refused = match (&pinned, &installed) {
        (Some(pinned), Some(installed)) => retained_release::refused_releases(&layout, installed, pinned),
        _ => Vec::new(),
    };
    let report = Report { path: layout.trust_root(), root: pinned.as_ref().map(RootReport::from), refused };
    console.result(&report, &report)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            None => writeln!(f, "this host trusts no key yet: {} does not exist", self.path.display())?,
            Some(root) => {
                writeln!(f, "version {} of the trust root, in {}", root.version, self.path.display())?;
                write!(f, "{root}")?;
            }
        }
        self.refused.iter().try_for_each(|refused| writeln!(f, "  warning   {refused}"))
    }
}
