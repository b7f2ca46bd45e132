use crate::durable;
use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::layout::Layout;
use crate::plan::policy::Refusal;
use crate::settings::overrides::{self, Key, Override};
use crate::settings::{self, Layers, MAX_BYTES, SettingsError};
use crate::settlement;
use crate::state::installed::Installed;
use crate::transition::PlanError;
use landfall_console::{Console, Exit, Failure};
use landfall_host::settings::{Effective, Origin};
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  landfall-installer config show
  landfall-installer config set tenants.memory=2GiB api.port=8080
  landfall-installer config unset tenants.memory
  landfall-installer config check /media/stick/config.toml

Exit codes: 0 done, or changed already, 2 no setting of the release, or a value that it does not take, 5 nothing is installed,
8 another operation is running";

/// Show, check and change the settings of this host
///
/// Each release has a value for every setting. /etc/landfall/config.toml holds what differs on this host; no update writes it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print every setting with the value that counts and where it is from
    Show,
    /// Check config.toml against the release that runs: exit code 0, or 2 when it has a setting or a value that the release does not take
    Check {
        /// Another file than this host's
        file: Option<PathBuf>,
    },
    /// Change settings in config.toml; its comments stay
    Set {
        /// A setting, such as api.port=8080
        #[arg(required = true, value_name = "SECTION.KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Take settings out of config.toml: the release's values count again
    Unset {
        /// A setting, such as api.port
        #[arg(required = true, value_name = "SECTION.KEY")]
        keys: Vec<String>,
    },
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    match &args.command {
        Command::Show => show(&layout, console),
        Command::Check { file } => check(&layout, file.as_deref(), console),
        Command::Set { settings } => change(host_args, &layout, console, |release, operator| {
            let overrides = settings.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>()?;
            overrides::set(release, operator, &overrides)
        }),
        // Not held against the release: where several values are wrong, each can be taken out by itself.
        Command::Unset { keys } => change(host_args, &layout, console, |_, operator| {
            let keys = keys.iter().map(|text| Key::parse(text)).collect::<Result<Vec<_>, _>>()?;
            overrides::unset(operator, &keys)
        }),
    }
}

#[derive(Serialize)]
struct Shown {
    settings: Vec<Effective>,
    /// Keys in config.toml that are no settings of the release.
    unknown: Vec<String>,
}

fn show(layout: &Layout, console: Console) -> Result<(), Error> {
    let layers = layers(&release(layout)?, &operator(layout)?)?;
    let shown = Shown { settings: layers.effective(), unknown: layers.unknown() };
    for key in &shown.unknown {
        console.warn(format_args!("{key} is in config.toml, is no setting of the release, and has no effect"));
    }
    let line = |setting: &Effective| {
        let origin = match setting.origin {
            Origin::Operator => "this host",
            Origin::Release => "the release",
            Origin::Default => "built in",
        };
        format!("{:<40} # {origin}\n", format!("{} = {}", setting.key, setting.value))
    };
    let text: String = shown.settings.iter().map(line).collect();
    console.result(&shown, text)
}

#[derive(Serialize)]
struct Checked<'a> {
    path: &'a Path,
}

fn check(layout: &Layout, file: Option<&Path>, console: Console) -> Result<(), Error> {
    let own = layout.settings();
    let path = file.unwrap_or(&own);
    let text = match file {
        None => operator(layout)?,
        Some(path) => text(path)?.ok_or_else(|| missing(path))?,
    };
    let unknown = layers(&release(layout)?, &text)?.unknown();
    if let Some(key) = unknown.into_iter().next() {
        return Err(PlanError::from(SettingsError::Unknown(key)).into());
    }
    console.result(&Checked { path }, format_args!("{}: the release takes these settings", path.display()))
}

#[derive(Serialize)]
struct Changed {
    changed: bool,
    path: PathBuf,
}

/// Replaces the operator's text by what `edit` makes of it, given the release's text and the operator's.
fn change(
    host_args: &HostArgs,
    layout: &Layout,
    console: Console,
    edit: impl FnOnce(&str, &str) -> Result<String, SettingsError>,
) -> Result<(), Error> {
    let _locked = settlement::lock_settled(host_args, layout, console)?;
    if Installed::read(layout)?.is_none() {
        return Err(Refusal::NotInstalled("change the settings of").into());
    }
    let (release, before) = (release(layout)?, operator(layout)?);
    let after = edit(&release, &before).map_err(PlanError::from)?;
    let changed = after != before;
    if changed && let Err(error) = settings::file::write(layout, &after) {
        // The new text may be there already, and not on the disk: what is reported as failed must not count. The first failure is
        // the one to tell.
        let _ = settings::file::write(layout, &before);
        return Err(error.into());
    }
    let text = if changed {
        "config.toml is changed: `systemctl restart landfall` makes it count, and after a change of [api] \
         `systemctl reload landfall-firewall` too"
    } else {
        "config.toml says so already: nothing to do"
    };
    console.result(&Changed { changed, path: layout.settings() }, text)
}

fn layers(release: &str, operator: &str) -> Result<Layers, Error> {
    Ok(Layers::parse(release, operator).map_err(|error| PlanError::from(SettingsError::from(error)))?)
}

/// The settings that the release that runs brings; none where nothing is installed.
fn release(layout: &Layout) -> Result<String, Error> {
    Ok(text(&layout.release_settings())?.unwrap_or_default())
}

fn operator(layout: &Layout) -> Result<String, Error> {
    Ok(settings::file::read(layout).map_err(PlanError::from)?.unwrap_or_default())
}

fn text(path: &Path) -> Result<Option<String>, Error> {
    let Some(bytes) = durable::read(path, MAX_BYTES)? else { return Ok(None) };
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Usage, "settings", format!("{} is not text", path.display())))?;
    Ok(Some(text))
}

fn missing(path: &Path) -> Error {
    Failure::new(Exit::Usage, "missing_file", format!("there is no file {}", path.display())).into()
}
