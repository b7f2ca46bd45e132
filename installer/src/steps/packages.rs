//! Installs the packages of an engine on a host that has none, and waits until that engine answers.
//!
//! The host's dpkg installs them, from files that are written out of the store, and its maintainer scripts start the engine. The record of
//! what was added is written before: recovery and `uninstall --purge` take away what it names.

use super::{StepError, Work};
use crate::content::ContentError;
use crate::durable;
use crate::engine::EngineError;
use crate::host_context::HostContext;
use crate::interrupt::Interruptible;
use crate::packages::{self, AddedPackage, Dpkg};
use crate::state::journal::Transition;
use crate::store::Store;
use landfall_manifests::Package;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long an engine may take to answer once its packages are installed.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(200);

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> Result<(), StepError> {
    let added = &transition.packages;
    if added.is_empty() {
        return Ok(());
    }
    let layout = &work.host.layout;
    // 1. What will be there and was not.
    packages::note(layout, added)?;
    // 2. The files, for dpkg alone. The folder of a run that was cut off is gone by its undo.
    durable::create_folder(&layout.package_files(), 0o700)?;
    let files = added.iter().enumerate().map(|(place, package)| unpack(work, package, place));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    // 3. The one call that changes what the host has outside of our folders.
    work.host.console.say(format_args!("installing {} packages of the engine", added.len()));
    Dpkg::of_this_host().install(&files)?;
    durable::remove_tree(&layout.package_files())?;
    // 4. The maintainer scripts have started it, which takes it a moment.
    wait(work.host)?;
    // 5. What could not be asked of it before.
    let Some(engine) = work.host.engine()? else { return Ok(()) };
    let problems = work.check_engine.map_or_else(|| Ok(Vec::new()), |check| check(engine))?;
    if problems.is_empty() { Ok(()) } else { Err(StepError::EngineUnfit(problems)) }
}

/// Writes the file of a package out of the store.
fn unpack(work: &Work<'_>, added: &AddedPackage, place: usize) -> Result<PathBuf, StepError> {
    let layout = &work.host.layout;
    let to = added.file(&layout.package_files(), place);
    let failed = |error: io::Error| match ContentError::from(error) {
        ContentError::Interrupted(interrupted) => StepError::from(interrupted),
        source => StepError::Package { name: added.name.to_string(), to: to.clone(), source: source.into() },
    };
    // By its digest: the release may have packages of that name for other systems.
    let is_it = |package: &&Package| package.digest == added.digest && package.name == added.name;
    let package = work.release.packages.iter().find(is_it).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let decoder = Store::new(layout).decoder(&package.content())?;
    let mut out = durable::create(&to, 0o600)?;
    io::copy(&mut Interruptible(decoder), &mut out).and_then(|_| out.flush()).map_err(failed)?;
    Ok(to)
}

fn wait(host: &HostContext) -> Result<(), StepError> {
    let start = Instant::now();
    let ask = || -> Result<(), EngineError> {
        if let Some(engine) = host.engine()? {
            engine.about()?;
        }
        Ok(())
    };
    loop {
        match ask() {
            Ok(()) => return Ok(()),
            Err(error) if start.elapsed() > PATIENCE => {
                return Err(StepError::NoAnswer { waited: PATIENCE, source: error.into() });
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// Takes the packages away again, with the engine and all that is in it.
pub(super) fn undo(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    let added = &transition.packages;
    if added.is_empty() {
        return Ok(());
    }
    durable::remove_tree(&host.layout.package_files())?;
    Dpkg::of_this_host().take_away(added)?;
    packages::remove_dead_socket(&host.environment.engine)?;
    // Last: until then it says what is there.
    Ok(packages::strike(&host.layout, added)?)
}
