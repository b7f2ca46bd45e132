use super::settings;
use crate::network::firewall::{Guard, HoldError, Holder, STANDBY, TABLE, clear, render, render_standby};
use crate::service::{log, notify};
use anyhow::Context as _;
use landfall_console::{Console, Exit, Failure};
use landfall_host::Layout;
use serde_json::json;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

/// How long to wait after a try that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// The firewall between tenants and the host (nftables)
#[derive(Debug, clap::Subcommand)]
pub(super) enum Firewall {
    /// Keep the tables in place until told to end, and leave the standby behind; SIGHUP reads the settings again
    Hold,
    /// Print the tables that `hold` keeps in place
    Show,
    /// Remove what `hold` left behind, which opens the host to its tenants: for when none are left
    Clear,
}

impl Firewall {
    pub(super) fn run(self, layout: &Layout, console: Console) -> anyhow::Result<()> {
        match self {
            Self::Hold => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.context("cannot wait for signals")?.block_on(hold(layout))
            }
            Self::Show => {
                let port = Some(settings(layout)?.api.port());
                let rules = format!("{}{}", render(port, Guard::Owner), render_standby(port));
                console.result(&json!({ "table": TABLE, "standby": STANDBY, "rules": rules }), &rules)
            }
            Self::Clear => {
                clear().map_err(|error| {
                    refused(&error).hint("while the tables are held, stop the holder: systemctl stop landfall-firewall")
                })?;
                let text = format!("the tables {TABLE} and {STANDBY} are removed");
                console.result(&json!({ "removed": [TABLE, STANDBY] }), text)
            }
        }
    }
}

/// The signals that the holder waits for.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    child: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let signal = |kind| signal(kind).context("cannot wait for signals");
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            child: signal(SignalKind::child())?,
        })
    }
}

async fn hold(layout: &Layout) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    // Settings that cannot be read must not leave the host open.
    let without_owner = |error: &HoldError| log::warning!("firewall_unowned", error = log::chain(error));
    let mut holder = Holder::new(port(layout), without_owner).map_err(|error| refused(&error))?;
    notify::ready(&format!("table {TABLE} is in place, guarded by {}", holder.guard().word()));
    log::info!("firewall_up", table = TABLE, guard = holder.guard().word());
    loop {
        let kept = tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hangup.recv() => change(&mut holder, layout),
            // The holder's short-lived children end, too.
            _ = signals.child.recv() => if holder.lost_owner() { mend(&mut holder) } else { Ok(()) },
            () = sleep(holder.pause()) => mend(&mut holder),
        };
        if let Err(error) = kept {
            log::error!("firewall_down", error = log::chain(&error));
            sleep(PAUSE).await;
        }
    }
    notify::stopping();
    holder.stand_down().map_err(|error| refused(&error))?;
    log::info!("firewall_stood_down", removed = TABLE, kept = STANDBY);
    Ok(())
}

fn mend(holder: &mut Holder) -> Result<(), HoldError> {
    if holder.mend()? {
        log::warning!("firewall_restored", table = TABLE);
    }
    Ok(())
}

/// Takes over changed settings; those that cannot be read change nothing.
fn change(holder: &mut Holder, layout: &Layout) -> Result<(), HoldError> {
    let Some(port) = port(layout) else { return Ok(()) };
    holder.replace(Some(port))?;
    log::info!("firewall_replaced", table = TABLE, port = port);
    Ok(())
}

/// The API's port, which is all that tenants may reach.
fn port(layout: &Layout) -> Option<u16> {
    let read = settings(layout).map(|settings| settings.api.port());
    read.inspect_err(|error| log::error!("invalid_settings", error = log::chain(error.as_ref()))).ok()
}

fn refused(error: &HoldError) -> Failure {
    Failure::new(Exit::Unfit, "firewall", log::chain(error))
}
