//! The service has to be well for a while before the release counts, and the release able to recover and to provision.

use super::Work;
use crate::failure;
use crate::host_context::HostContext;
use crate::plan::policy::{INSTALLER, PROGRAM, SETTINGS};
use crate::recovery_binary;
use crate::service::health;
use crate::settings;
use crate::state::installed::InstalledRelease;
use crate::state::journal::{Kind, Transition};
use crate::state::tries::Tries;
use crate::{durable, interrupt};
use anyhow::{Context as _, bail, ensure};
use landfall_host::subprocess::Subprocess;
use landfall_systemd::{UnitManager, UnitName};
use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the service is asked.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long a first release has to be well: there is nothing to go back to, and somebody is there.
const FIRST: Duration = Duration::from_secs(1);
/// How long `landfall selfcheck` may take: it gives up by itself after a minute.
const SELFCHECK_LIMIT: Duration = Duration::from_secs(90);
/// How much of its answer is read, in bytes.
const SELFCHECK_BYTES: usize = 256 << 10;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> anyhow::Result<()> {
    let (host, target) = (work.host, transition.target());
    if host.detached {
        return Ok(());
    }
    if transition.kind == Kind::Update {
        let installer = host.layout.release(&target.id()).join(INSTALLER);
        recovery_binary::check(host, &installer, Some(transition.kind))
            .context("the release cannot recover this host")?;
    }
    let Some(units) = host.units.as_deref() else { return Ok(()) };
    host.console.say("waiting until the service is well");
    let well_for = if transition.before.is_some() { work.update.healthy_for } else { FIRST };
    let gate = Gate { well_for, patience: work.update.patience, interval: INTERVAL };
    let release = target.id().to_string();
    let process = Cell::new(None);
    let ask = || {
        health::check(work.ports.address, work.ports.api, &release)?;
        is_the_same(units, &process)
    };
    gate.wait(ask, || give_up(host))
        .and_then(|()| if transition.before.is_some() { selfcheck(host, target) } else { Ok(()) })
        .map_err(|error| failure::of_service(&error, &UnitName::LANDFALL, units))
}

/// Whether the process is the one that was there last time. A question that comes while the service starts again waits, and
/// is answered well: only this shows that it ended in between.
fn is_the_same(units: &dyn UnitManager, last: &Cell<Option<u32>>) -> Result<(), String> {
    let process = units.status(&UnitName::LANDFALL).map_err(|error| error.to_string())?.main_pid;
    match last.replace(process) {
        Some(last) if process != Some(last) => Err("it ended and was started again".to_owned()),
        _ => Ok(()),
    }
}

/// Why there is no point in waiting any longer.
fn give_up(host: &HostContext) -> anyhow::Result<()> {
    interrupt::check()?;
    ensure!(!Tries::exhausted(&host.layout)?, "it ended again and again, and has had all its tries");
    let Some(units) = host.units.as_deref() else { return Ok(()) };
    let is_down = units.status(&UnitName::LANDFALL).is_ok_and(|status| status.is_down_for_good());
    ensure!(!is_down, "it ended, and systemd does not start it again: it does not understand its settings");
    Ok(())
}

/// The release says itself whether it can do its work: database, engine, images, a tenant.
fn selfcheck(host: &HostContext, release: &InstalledRelease) -> anyhow::Result<()> {
    host.console.say("trying the release with a tenant of its own");
    let root = host.layout.at("");
    let program = host.layout.release(&release.id()).join(PROGRAM);
    let selfcheck = Subprocess::new(&program).args(["--root".as_ref(), root.as_os_str()]).args(["selfcheck", "--json"]);
    let answer = selfcheck.timeout(SELFCHECK_LIMIT).output_limit(SELFCHECK_BYTES).run()?;
    if answer.code != 0 {
        let (_, said) = answer.error();
        bail!("it does not pass `landfall selfcheck`: {said}");
    }
    Ok(())
}

/// Waits until the release that runs again is well.
pub(super) fn again(work: &Work<'_>, release: &InstalledRelease) -> anyhow::Result<()> {
    let layout = &work.host.layout;
    if work.host.units.is_none() || work.host.detached {
        return Ok(());
    }
    let read = |path: PathBuf| durable::read(&path, settings::MAX_BYTES).map(Option::unwrap_or_default);
    let defaults = read(layout.release(&release.id()).join(SETTINGS))?;
    let text = read(layout.settings())?;
    let ports = settings::ports(&String::from_utf8_lossy(&text), &String::from_utf8_lossy(&defaults))?;
    let (gate, id) = (
        Gate { well_for: Duration::ZERO, patience: work.update.patience, interval: INTERVAL },
        release.id().to_string(),
    );
    gate.wait(|| health::check(ports.address, ports.api, &id), || Ok(()))
}

/// How long to ask whether a service is well.
struct Gate {
    /// It has to be well without a break for this long.
    well_for: Duration,
    /// It may take this long until it is.
    patience: Duration,
    interval: Duration,
}

impl Gate {
    fn wait(
        &self,
        ask: impl Fn() -> Result<(), String>,
        give_up: impl Fn() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut well_since: Option<Instant> = None;
        loop {
            match ask() {
                Ok(()) => {
                    if well_since.get_or_insert_with(Instant::now).elapsed() >= self.well_for {
                        return Ok(());
                    }
                }
                Err(reason) if started.elapsed() >= self.patience => bail!(reason),
                Err(_) => well_since = None,
            }
            give_up()?;
            std::thread::sleep(self.interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_systemd::FakeUnitManager;
    use std::cell::Cell;

    const QUICK: Gate = Gate {
        well_for: Duration::from_millis(8),
        patience: Duration::from_millis(50),
        interval: Duration::from_millis(2),
    };

    #[test]
    fn one_bad_answer_begins_the_count_again() {
        let (asked, bad) = (Cell::new(0), Cell::new(Instant::now()));
        let ask = || {
            asked.set(asked.get() + 1);
            if asked.get() == 3 {
                bad.set(Instant::now());
                return Err("down".to_owned());
            }
            Ok(())
        };
        // Long against the stalls of a busy machine.
        let patient = Gate { well_for: Duration::from_millis(300), patience: Duration::from_mins(1), ..QUICK };
        assert!(patient.wait(ask, || Ok(())).is_ok());
        assert!(bad.get().elapsed() >= patient.well_for && asked.get() > 4, "{}", asked.get());
    }

    #[test]
    fn the_wait_ends_when_the_time_is_over_or_there_is_no_point() {
        let error = QUICK.wait(|| Err("hangs".to_owned()), || Ok(()));
        assert!(error.is_err_and(|error| error.to_string() == "hangs"));
        let error = QUICK.wait(|| Err("down".to_owned()), || bail!("no tries left"));
        assert!(error.is_err_and(|error| error.to_string() == "no tries left"));
    }

    #[test]
    fn there_is_no_point_in_waiting_for_a_service_that_systemd_has_given_up() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut host = HostContext::fake(folder.path(), None);
        let units = FakeUnitManager::new();
        units.start(&UnitName::LANDFALL)?;
        units.crash(UnitName::LANDFALL);
        host.units = Some(Box::new(units));
        give_up(&host)?;
        let units = FakeUnitManager::new();
        units.kill(UnitName::LANDFALL);
        host.units = Some(Box::new(units));
        assert!(give_up(&host).is_err_and(|error| error.to_string().contains("does not start it again")));
        Ok(())
    }

    #[test]
    fn a_service_that_flickers_does_not_pass() {
        let asked = Cell::new(0);
        let flicker = || {
            asked.set(asked.get() + 1);
            if asked.get() % 2 == 0 { Err("down".to_owned()) } else { Ok(()) }
        };
        let strict = Gate { well_for: Duration::from_mins(5), ..QUICK };
        assert!(strict.wait(flicker, || Ok(())).is_err());
    }
}
