//! What the host's records and the operator's settings do not allow.

use crate::plan::policy::Refusal;
use crate::settings::SettingsError;
use landfall_console::{ErrorClass, Exit};

pub(super) fn of_refusal(refusal: &Refusal) -> ErrorClass {
    let (code, hint) = match refusal {
        Refusal::Platform(..) => ("platform", "get the bundle that was made for this processor"),
        Refusal::Delta { .. } => {
            ("delta", "get the full bundle of this release, or a delta on top of a release that `status` lists")
        }
        Refusal::Product { .. } => ("product", "use another host, or `landfall-installer uninstall --purge` first"),
        Refusal::Floor { .. } => {
            ("downgrade", "get a bundle with a higher serial; a release that is kept comes back with `rollback`")
        }
        Refusal::Installed { .. } => ("installed", "bring it in with `landfall-installer update FILE`"),
        Refusal::NotInstalled(_) => ("not_installed", "`landfall-installer install FILE` installs the first release"),
        Refusal::SameSerial { .. } => ("same_serial", "ask the publisher for a release with a serial of its own"),
        Refusal::Path { .. } => ("upgrade_path", "update to a release in between first"),
        Refusal::NotKept { .. } => (
            "not_kept",
            "`landfall-installer status` lists the releases that are kept, and `rollback --to` brings any of them back",
        ),
        Refusal::NothingKept { .. } => {
            ("not_kept", "`landfall-installer update FILE` brings in a release, and keeps the one that it replaces")
        }
        Refusal::Ambiguous { .. } => ("ambiguous", "say which one with its id: `landfall-installer rollback --to ID`"),
        Refusal::Irreversible { .. } => (
            "irreversible",
            "--restore-snapshot goes back nevertheless: the database is then the one from before that update, and the later \
             one is set aside in a file",
        ),
        Refusal::Incomplete(_) => ("incomplete", "build the bundle with `landfall-bundler build`"),
    };
    ErrorClass::new(Exit::Policy, code, hint)
}

pub(super) fn of_settings(error: &SettingsError) -> ErrorClass {
    const CANARY: &str = "set update.canary to a tenant image of the release, to \"none\" to try none, or to \"\" for the release's own \
                          choice: with `landfall-installer config set`, or with --set where there is no config.toml yet";
    match error {
        SettingsError::Canary { .. } => ErrorClass::new(Exit::Usage, "settings", CANARY),
        SettingsError::Parse { .. }
        | SettingsError::Unknown(_)
        | SettingsError::NotSet(_)
        | SettingsError::Form(_)
        | SettingsError::Key(_)
        | SettingsError::Shape(_)
        | SettingsError::TooLarge(_)
        | SettingsError::Values(_) => ErrorClass::new(
            Exit::Usage,
            "settings",
            "`landfall-installer config show` lists the settings of the release that runs; `landfall-installer plan FILE` is a \
             safe way to try those of another one",
        ),
    }
}
