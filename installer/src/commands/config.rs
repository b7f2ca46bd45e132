use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::layout::Layout;
use crate::plan::policy::Refusal;
use crate::retained_release;
use crate::settings::overrides::{self, Key, Override};
use crate::settings::{self, Layers, SettingsError};
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

Exit codes: 0 done, or changed already, 2 no setting of the release, or a value that it does not take, 5 nothing is installed, and no
settings are kept, 8 another operation is running";

/// Show, check and change the settings of this host
///
/// Each release has a value for every setting. /etc/landfall/config.toml holds what differs on this host; no update writes it, and an
/// uninstallation keeps it, so that it can be changed before the next release is installed.
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
        Command::Set { settings } => {
            let overrides = settings.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>();
            let overrides = overrides.map_err(PlanError::from)?;
            let keys: Vec<&Key> = overrides.iter().map(Override::key).collect();
            let edit = |release: &str, operator: &str| {
                let text = overrides::set(release, operator, &overrides)?;
                // No other setting is refused for an image that went away with an older release.
                let sets_canary = keys.iter().any(|key| key.to_string() == "update.canary");
                sets_canary.then(|| check_canary(&layout, &Layers::parse(release, &text)?)).transpose()?;
                Ok(text)
            };
            change(host_args, &layout, console, &keys, edit)
        }
        Command::Unset { keys } => {
            let keys = keys.iter().map(|text| Key::parse(text)).collect::<Result<Vec<_>, _>>();
            let keys = keys.map_err(PlanError::from)?;
            // Not held against the release: where several values are wrong, each can be taken out by itself.
            let edit = |_: &str, operator: &str| overrides::unset(operator, &keys);
            change(host_args, &layout, console, &keys.iter().collect::<Vec<_>>(), edit)
        }
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
        Some(path) => settings::file::read(path).map_err(PlanError::from)?.ok_or_else(|| missing(path))?,
    };
    let layers = layers(&release(layout)?, &text)?;
    if let Some(key) = layers.unknown().into_iter().next() {
        return Err(PlanError::from(SettingsError::Unknown(key)).into());
    }
    check_canary(layout, &layers).map_err(PlanError::from)?;
    console.result(&Checked { path }, format_args!("{}: the release takes these settings", path.display()))
}

#[derive(Serialize)]
struct Changed {
    changed: bool,
    path: PathBuf,
}

/// Replaces the operator's text by what `edit` makes of `keys` in it, given the release's text and the operator's.
fn change(
    host_args: &HostArgs,
    layout: &Layout,
    console: Console,
    keys: &[&Key],
    edit: impl FnOnce(&str, &str) -> Result<String, SettingsError>,
) -> Result<(), Error> {
    let _locked = settlement::lock_settled(host_args, layout, console)?;
    let is_installed = Installed::read(layout)?.is_some();
    let before = settings::file::operator(layout).map_err(PlanError::from)?;
    if !is_installed && before.is_none() {
        return Err(Refusal::NotInstalled("change the settings of").into());
    }
    let (release, before) = (release(layout)?, before.unwrap_or_default());
    let after = edit(&release, &before).map_err(PlanError::from)?;
    if after.len() as u64 > settings::MAX_BYTES {
        return Err(PlanError::from(SettingsError::TooLarge(after.len())).into());
    }
    let changed = after != before;
    if changed && let Err(error) = settings::file::write(layout, after.as_bytes()) {
        // The new text may be there already, and not on the disk: what is reported as failed must not count. The first failure is
        // the one to tell.
        let _ = settings::file::write(layout, before.as_bytes());
        return Err(error.into());
    }
    let text = if !changed {
        "config.toml says so already: nothing to do".to_owned()
    } else if is_installed {
        format!("config.toml is changed: {}", what_makes_it_count(keys))
    } else {
        "config.toml is changed: it counts from the next installation on".to_owned()
    };
    console.result(&Changed { changed, path: layout.settings() }, text)
}

/// Who reads the settings, and when.
fn what_makes_it_count(keys: &[&Key]) -> &'static str {
    let is_in = |section: &str| keys.iter().any(|key| key.section() == section);
    // The installer alone reads this section.
    if keys.iter().all(|key| key.section() == "update") {
        "it counts from the next update on"
    } else if is_in("api") {
        "`systemctl restart landfall` and `systemctl reload landfall-firewall` make it count"
    } else {
        "`systemctl restart landfall` makes it count"
    }
}

fn layers(release: &str, operator: &str) -> Result<Layers, Error> {
    Ok(Layers::parse(release, operator).map_err(|error| PlanError::from(SettingsError::from(error)))?)
}

/// Holds the image to try a release with against those of the release that runs. Where nothing is installed, or what is cannot be read,
/// its images are not known.
fn check_canary(layout: &Layout, layers: &Layers) -> Result<(), SettingsError> {
    let installed = Installed::read(layout).ok().flatten();
    let manifest = installed.and_then(|installed| retained_release::manifest(layout, &installed.current).ok());
    manifest.map_or(Ok(()), |manifest| settings::check_canary(&layers.settings().update.canary, manifest.get()))
}

/// The settings that the release that runs brings; none where nothing is installed.
fn release(layout: &Layout) -> Result<String, Error> {
    Ok(settings::file::of_release(&layout.current()).map_err(PlanError::from)?)
}

fn operator(layout: &Layout) -> Result<String, Error> {
    Ok(settings::file::operator(layout).map_err(PlanError::from)?.unwrap_or_default())
}

fn missing(path: &Path) -> Error {
    Failure::new(Exit::Usage, "missing_file", format!("there is no file {}", path.display())).into()
}
