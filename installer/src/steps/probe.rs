//! The service has to be well for a while before the installation counts.

use super::Install;
use crate::failure;
use crate::health;
use crate::journal::Installation;
use crate::site::Site;
use landfall_systemd::UnitName;
use std::time::{Duration, Instant};

/// How long the service may take to become well.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is asked.
const INTERVAL: Duration = Duration::from_millis(500);
/// How many times in a row it has to be well.
const TIMES: u32 = 3;

pub(super) fn act(install: &Install<'_>, _: &Installation) -> anyhow::Result<()> {
    let Some(units) = install.site.units.as_deref() else { return Ok(()) };
    install.site.console.say("waiting until the service is well");
    let (ports, release) = (install.ports, install.id().to_string());
    wait(|| health::check(ports.address, ports.api, &release), PATIENCE, INTERVAL)
        .map_err(|reason| failure::of_service(&anyhow::anyhow!(reason), &UnitName::LANDFALL, units))
}

/// Asks until the answer was good [`TIMES`] times in a row.
fn wait(ask: impl Fn() -> Result<(), String>, patience: Duration, interval: Duration) -> Result<(), String> {
    let started = Instant::now();
    let mut good = 0;
    loop {
        match ask() {
            Ok(()) => good += 1,
            Err(reason) if started.elapsed() >= patience => return Err(reason),
            Err(_) => good = 0,
        }
        if good == TIMES {
            return Ok(());
        }
        std::thread::sleep(interval);
    }
}

/// Asking changed nothing.
#[expect(clippy::unnecessary_wraps, reason = "has the form of every undo")]
pub(super) fn undo(_: &Site, _: &Installation) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn wait_for(answers: &[bool]) -> (Result<(), String>, usize) {
        let asked = RefCell::new(0);
        let ask = || {
            let index = asked.replace_with(|asked| *asked + 1);
            if answers.get(index).copied().unwrap_or(false) { Ok(()) } else { Err("ill".to_owned()) }
        };
        let patience = Duration::from_millis(20);
        let result = wait(ask, patience, Duration::from_millis(1));
        (result, asked.into_inner())
    }

    #[test]
    fn well_means_well_for_a_while() {
        assert_eq!(wait_for(&[false, true, true, true]), (Ok(()), 4));
        assert_eq!(wait_for(&[true, true, false, true, true, true]), (Ok(()), 6));
        let (result, asked) = wait_for(&[true, true]);
        assert_eq!(result, Err("ill".to_owned()));
        assert!(asked > 3, "it was asked again until patience ran out");
    }
}
