use super::error::CommandError;
use super::settings;
use crate::engine::connect;
use crate::network::bridges;
use crate::network::firewall::{Guard, HoldError, Holder, STANDBY, TABLE, clear, render, render_standby};
use crate::service::{log, notify};
use crate::settings::Settings;
use landfall_console::Console;
use landfall_host::Layout;
use serde_json::json;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

/// Pause after a failed attempt.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The firewall between tenants and the host (nftables)
#[derive(Debug, clap::Subcommand)]
pub(super) enum Firewall {
    /// Keep the tables in place until stopped, and leave the standby table behind; SIGHUP reads the settings again
    Hold,
    /// Print the tables that `hold` keeps in place
    Show,
    /// Remove the tables that `hold` left behind. This opens the host to its tenants: use it when none are left
    Clear,
}

impl Firewall {
    pub(super) fn run(self, layout: &Layout, console: Console) -> Result<(), CommandError> {
        match self {
            Self::Hold => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.map_err(CommandError::Start)?.block_on(hold(layout))
            }
            Self::Show => {
                let port = Some(settings(layout)?.settings().api.port());
                let rules = format!("{}{}", render(port, Guard::Owner), render_standby(port));
                console.result(&json!({ "table": TABLE, "standby": STANDBY, "rules": rules }), &rules)
            }
            Self::Clear => {
                clear().map_err(CommandError::ClearFirewall)?;
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
    fn new() -> Result<Self, CommandError> {
        let signal = |kind| signal(kind).map_err(CommandError::Signals);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            child: signal(SignalKind::child())?,
        })
    }
}

async fn hold(layout: &Layout) -> Result<(), CommandError> {
    // Before the first nft is started, so that neither its end (SIGCHLD) nor an early request to stop is missed.
    let mut signals = Signals::new()?;
    // Settings that cannot be read must not leave the host open: without a port, tenants reach nothing.
    let without_owner = |error: &HoldError| log::warning!("firewall_unowned", error = log::chain(error));
    let mut holder = Holder::new(port(layout), without_owner).map_err(CommandError::Firewall)?;
    // Before it is ready: a flush right after that finds them remembered.
    if let Err(error) = holder.remember_engine_chains() {
        log::warning!("engine_chains_unknown", error = log::chain(&error));
    }
    notify::ready(&format!("table {TABLE} is in place, guarded by {}", holder.guard().word()));
    log::info!("firewall_up", table = TABLE, guard = holder.guard().word());
    // Beside the loop: an engine that does not answer must not hold up the filter. It ends with the runtime.
    if let Ok(layers) = settings(layout) {
        let engine = Settings::from(layers.settings()).engine;
        tokio::spawn(bridges::remove_strays(connect::containers(engine)));
    }
    loop {
        let maintained = tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hangup.recv() => reload(&mut holder, layout),
            // Also sent for the holder's short-lived children.
            _ = signals.child.recv() => if holder.lost_owner() { restore(&mut holder) } else { Ok(()) },
            () = sleep(holder.pause()) => restore(&mut holder),
        };
        if let Err(error) = maintained {
            log::error!("firewall_down", error = log::chain(&error));
            sleep(RETRY_PAUSE).await;
        }
    }
    notify::stopping();
    holder.release().map_err(CommandError::Firewall)?;
    log::info!("firewall_stood_down", removed = TABLE, kept = STANDBY);
    Ok(())
}

fn restore(holder: &mut Holder) -> Result<(), HoldError> {
    if !holder.restore()? {
        return holder.remember_engine_chains();
    }
    log::warning!("firewall_restored", table = TABLE);
    let chains = holder.restore_engine_chains()?;
    if chains > 0 {
        let note = "tenants can be spawned; published ports of other containers return with a restart of the engine";
        log::warning!("engine_chains_restored", chains = chains, note = note);
    }
    Ok(())
}

/// Applies changed settings. Settings that cannot be read change nothing.
fn reload(holder: &mut Holder, layout: &Layout) -> Result<(), HoldError> {
    // Unlike at the start, where no rules are in place yet: here the old ones are better than rules without a port.
    let Some(port) = port(layout) else { return Ok(()) };
    holder.replace(Some(port))?;
    log::info!("firewall_replaced", table = TABLE, port = port);
    Ok(())
}

/// The API's port, which is all of the host that tenants may reach; `None` where the settings are not valid.
fn port(layout: &Layout) -> Option<u16> {
    let read = settings(layout).map(|layers| layers.settings().api.port());
    read.inspect_err(|error| log::error!("invalid_settings", error = log::chain(error))).ok()
}
