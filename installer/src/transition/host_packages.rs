//! Whether a host without an engine can have that of the bundle, and what it would have then.

use super::used_networks;
use super::{PlanError, host_facts};
use crate::durable::{self, PathError};
use crate::engine::{About, EngineAddress, ImageEngine, InstallationId};
use crate::host_context::HostContext;
use crate::layout::Layout;
use crate::packages::{Choice, Dpkg, Needed, NotOffered, choose};
use crate::plan::ObservedEngine;
use crate::plan::preflight::{self, Addresses, Pool, Problem};
use crate::steps::StepError;
use landfall_console::{Console, message_with_causes};
use landfall_manifests::{HostSystem, Release};

/// Where Docker keeps its images, relative to the root.
const DATA_ROOT: &str = "var/lib/docker";
/// Where systems say what they are called, the first that is there (os-release(5)).
const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
/// That file, in bytes.
const OS_RELEASE_BYTES: u64 = 64 << 10;

/// Whether the engine of the bundle may be installed.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct PackageArgs {
    /// Where this host has no container engine, install that of the bundle's packages; --yes says it, too
    #[arg(long, conflicts_with = "no_packages")]
    packages: bool,
    /// Install no packages
    #[arg(long)]
    no_packages: bool,
}

impl PackageArgs {
    /// What is chosen. A person at a terminal sees the packages in the plan, and confirms it.
    pub(crate) fn choice(self, yes: bool, console: Console) -> Choice {
        match self {
            Self { no_packages: true, .. } => Choice::Refuse,
            Self { packages: true, .. } => Choice::Install,
            _ if yes || console.interactive() => Choice::Install,
            _ => Choice::Unasked,
        }
    }
}

/// The engine as the plan sees it, what preflight judges of it, and the packages that bring it.
pub(super) struct EngineFacts {
    pub(super) observed: Option<ObservedEngine>,
    pub(super) about: Option<Result<About, String>>,
    pub(super) packages: Needed,
}

/// What is known of the engine; where there is none, and the bundle has one for this host, as it will be.
pub(super) fn engine(host: &HostContext, release: &Release, choice: Option<Choice>) -> Result<EngineFacts, PlanError> {
    let (observed, about) = host_facts::engine(host);
    let unchanged = |about| EngineFacts { observed, about, packages: Vec::new() };
    let (Some(Err(reason)), Some(choice)) = (&about, choice) else { return Ok(unchanged(about)) };
    if !is_absent(&host.environment.engine)? {
        return Ok(unchanged(about));
    }
    let needed = if host.layout.is_running_system() {
        let statuses = || Dpkg::of_this_host().statuses().map_err(|error| message_with_causes(&error));
        choose(&release.packages, system(&host.layout)?.as_ref(), statuses, choice)
    } else if release.packages.is_empty() {
        Err(NotOffered::NoPackages)
    } else {
        Err(NotOffered::OtherRoot)
    };
    match needed {
        Ok(packages) => {
            // Nothing is in it yet, and it is asked for the rest once it is there.
            let observed = ObservedEngine { data_root: Some(DATA_ROOT.into()), ..ObservedEngine::default() };
            Ok(EngineFacts { observed: Some(observed), about: None, packages })
        }
        Err(NotOffered::NoPackages) => Ok(unchanged(about)),
        Err(why) => {
            let about = Some(Err(format!("{reason}; {why}")));
            Ok(unchanged(about))
        }
    }
}

/// Whether there is no engine, and not only none that answers.
fn is_absent(address: &EngineAddress) -> Result<bool, PathError> {
    match address {
        EngineAddress::Unix(socket) => Ok(!durable::exists(socket)?),
        EngineAddress::None | EngineAddress::Url(_) => Ok(false),
    }
}

/// What this host calls itself.
fn system(layout: &Layout) -> Result<Option<HostSystem>, PathError> {
    for path in OS_RELEASE {
        if let Some(text) = durable::read(&layout.at(path), OS_RELEASE_BYTES)? {
            return Ok(HostSystem::of_os_release(&String::from_utf8_lossy(&text)));
        }
    }
    Ok(None)
}

/// What preflight could not ask of an engine that was not there: its API, the limits that it can set, and its networks.
pub(super) fn problems_of(
    engine: &dyn ImageEngine,
    layout: &Layout,
    installation: &InstallationId,
    pool: Pool,
) -> Result<Vec<Problem>, StepError> {
    let networks = engine.networks()?;
    let addresses = Addresses { pool, used: used_networks::look(layout, installation, &networks)? };
    Ok(preflight::judge_engine(&engine.about()?, host_facts::controllers().as_deref(), &addresses))
}
