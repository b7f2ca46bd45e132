use crate::durable;
use crate::engine::{EngineError, InstallationId, tags};
use crate::errors::Error;
use crate::host_context::{HostArgs, HostContext};
use crate::layout::{DATABASE_FOLDER, SETTINGS_FOLDER};
use crate::packages;
use crate::receipts::{self, Draft, OperationFacts};
use crate::removal;
use crate::settlement;
use crate::state::installed::{Installed, InstalledRelease};
use crate::state::journal::{Journal, Operation, Uninstallation};
use crate::state::{self, State, read_installation_id};
use landfall_console::{Console, Exit, Failure, message_with_causes};
use landfall_host::RelativePath;
use serde::Serialize;
use std::collections::BTreeSet;

/// What a person types to purge.
const WORD: &str = "purge";

/// Remove Landfall from this host
///
/// Settings, trust root, token, database and the tenants' volumes stay, and a later installation takes them up again; so
/// do the record below which serial no bundle is taken, the receipts of what was done, and the key that signs them. --purge
/// removes them too. The tenants' containers and the release's images are removed in any case.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Remove settings, trust root, token, database and the tenants' volumes as well, and all receipts with the key that signed
    /// them: `receipts --export DIR` first keeps those. An engine that `install` has brought goes, too, with all that is in it, unless
    /// others use it
    #[arg(long)]
    purge: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
struct Report {
    changed: bool,
    purged: bool,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    let state = settlement::lock_settled(host_args, &layout, console)?;
    let installed = Installed::read(&layout)?;
    // What an uninstallation without --purge has left can be purged later.
    let kept = [layout.at(SETTINGS_FOLDER), layout.at(DATABASE_FOLDER), layout.serial_floor(), layout.packages()];
    let kept = kept.map(|path| durable::exists(&path));
    let kept = kept.into_iter().collect::<Result<Vec<_>, _>>()?.contains(&true);
    if installed.is_none() && !(args.purge && kept) {
        state::remove_partial(&layout)?;
        let text = "nothing is installed: there is nothing to do";
        return console.result(&Report { changed: false, purged: false }, text);
    }
    // With the lock: what is shown is what is removed, whatever other commands are started meanwhile.
    confirm(args, installed.as_ref(), console)?;
    let host = match &installed {
        Some(installed) => host_args.recorded_context(&installed.host, console)?,
        None => host_args.context(console)?,
    };
    uninstall(&host, installed.as_ref(), args.purge, state)?;
    let kept = "; settings, database and the tenants' volumes are kept (--purge removes them)";
    let text = format!("Landfall is uninstalled{}", if args.purge { "" } else { kept });
    console.result(&Report { changed: true, purged: args.purge }, text)
}

fn uninstall(
    host: &HostContext,
    installed: Option<&Installed>,
    purge: bool,
    state: Option<State>,
) -> Result<(), Error> {
    let releases = || installed.into_iter().flat_map(Installed::releases);
    let mut units: Vec<RelativePath> = releases().flat_map(|release| release.units.clone()).collect();
    units.sort();
    units.dedup();
    // All of it is found out before the journal is there: an engine that does not answer is a refusal, not an interruption.
    let uninstallation = Uninstallation {
        purge,
        units,
        tags: tags(host, installed)?,
        packages: if purge { packages::read(&host.layout)? } else { Vec::new() },
        installation: match installed {
            Some(installed) => Some(installed.installation.clone()),
            None => left_id(host),
        },
        created: installed.as_ref().map_or_else(Vec::new, |installed| installed.created.clone()),
        receipt: installed.filter(|_| !purge).map(|installed| receipt(host, &installed.current)),
    };
    let journal = Journal::new(host.environment.clone(), Operation::Uninstall(uninstallation.clone()));
    // From here on `recover` finishes it: there is no undo of an uninstallation.
    let state = State::begin(state, &host.layout, &journal)?;
    Ok(removal::run(host, &uninstallation, state)?)
}

/// The id that an earlier uninstallation left. A purge removes its file in any case.
fn left_id(host: &HostContext) -> Option<InstallationId> {
    read_installation_id(&host.layout).unwrap_or_else(|error| {
        host.console.warn(format_args!(
            "{}: what bears the id that was there cannot be removed from the engine",
            message_with_causes(&error)
        ));
        None
    })
}

fn receipt(host: &HostContext, release: &InstalledRelease) -> Draft {
    let facts = OperationFacts {
        operation: receipts::Operation::Uninstall,
        product: &release.product,
        from: Some(release),
        to: None,
        signers: &[],
        trust: &release.trust,
    };
    Draft::new(&facts, &host.layout, host.console)
}

/// The tags of the releases, and those that tenants kept in the engine when a release was removed.
fn tags(host: &HostContext, installed: Option<&Installed>) -> Result<Vec<String>, EngineError> {
    let Some(installed) = installed else { return Ok(Vec::new()) };
    let mut tags: BTreeSet<String> = installed.releases().flat_map(|release| release.tags.clone()).collect();
    if let Some(engine) = host.engine()? {
        let prefix = tags::prefix(&installed.installation, &installed.current.product);
        let found = engine.images()?.into_iter().flat_map(|image| image.tags);
        tags.extend(found.filter(|tag| tag.starts_with(&prefix)));
    }
    Ok(tags.into_iter().collect())
}

/// Asks where a person can be asked; elsewhere `--yes` has to be given.
fn confirm(args: &Args, installed: Option<&Installed>, console: Console) -> Result<(), Error> {
    if args.yes {
        return Ok(());
    }
    let refused = |message: &str| Failure::new(Exit::Usage, "not_confirmed", message).hint("give --yes");
    if !console.interactive() {
        return Err(refused("an uninstallation has to be confirmed").into());
    }
    let what = installed.map_or_else(
        || "what an earlier installation left".to_owned(),
        |installed| format!("{} {}", installed.current.product, installed.current.id()),
    );
    let (question, expected) = if args.purge {
        let data = "with its settings, its database and all that its tenants have stored";
        (format!("This removes {what} {data}. Type {WORD} to go ahead:"), [WORD, WORD])
    } else {
        (format!("Remove {what} from this host? [y/N]"), ["y", "yes"])
    };
    let answer = console.ask(question)?.unwrap_or_default().to_lowercase();
    if expected.contains(&answer.as_str()) { Ok(()) } else { Err(refused("nothing was changed").into()) }
}
