//! Every error that a command can end with, and its exit code, word and hint.

use crate::api::listen::ListenError;
use crate::controller::ActionError;
use crate::engine::EngineKind;
use crate::identity::SecretError;
use crate::identity::admin_token::TokenError;
use crate::network::firewall::HoldError;
use crate::store::StoreError;
use hyper::StatusCode;
use landfall_console::{Classify, ErrorClass, Exit};
use landfall_host::layout::RootFolderError;
use landfall_host::record::RecordError;
use landfall_host::release::ManifestError;
use landfall_host::runtime_program::MigrateFailure;
use landfall_host::settings::{NotText, SettingsError};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The command line names no host.
    #[error(transparent)]
    Root(#[from] RootFolderError),
    /// The settings cannot be read.
    #[error("cannot read {path}")]
    ReadSettings {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings are not text.
    #[error("{path} is not text")]
    SettingsText {
        /// The file.
        path: PathBuf,
        /// Why.
        source: NotText,
    },
    /// The settings are not valid.
    #[error("{path} is not valid")]
    Settings {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SettingsError,
    },
    /// The admin token cannot be used.
    #[error(transparent)]
    AdminToken(#[from] TokenError),
    /// The installed release cannot be used.
    #[error(transparent)]
    Release(#[from] ManifestError),
    /// The service cannot use its database.
    #[error(transparent)]
    Database(StoreError),
    /// The installation's id cannot be read.
    #[error(transparent)]
    InstallationId(#[from] RecordError),
    /// The installation's id is not there.
    #[error("{path} is missing: without this installation's id, its tenants cannot be told from others in the engine")]
    NoInstallationId {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is no database, and tenants are known to exist.
    #[error(
        "{database} is missing or empty, but {keys} says that this host has tenants: by a new database, all of them would be removed"
    )]
    DatabaseLost {
        /// The database.
        database: PathBuf,
        /// What tenants' keys are derived from.
        keys: PathBuf,
    },
    /// The engine holds tenants of which the database knows nothing.
    #[error(transparent)]
    UnknownTenants(ActionError),
    /// The host's secret cannot be used.
    #[error(transparent)]
    TenantKeys(#[from] SecretError),
    /// The API cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The service cannot start.
    #[error("cannot start the service")]
    Start(#[source] io::Error),
    /// The tenants cannot be read from the database at the start.
    #[error("cannot read the tenants")]
    ReadTenants(#[source] StoreError),
    /// The tenants' ports cannot be opened at the start.
    #[error("cannot open the tenants' ports")]
    OpenPorts(#[source] ActionError),
    /// Signals cannot be received.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// `migrate` failed.
    #[error(transparent)]
    Migrate(StoreError),
    /// `images` failed.
    #[error(transparent)]
    Images(StoreError),
    /// The firewall cannot be put in place.
    #[error(transparent)]
    Firewall(HoldError),
    /// The firewall cannot be removed.
    #[error(transparent)]
    ClearFirewall(HoldError),
    /// Nobody confirmed that something is to be removed.
    #[error("{0}")]
    NotConfirmed(&'static str),
    /// The running service cannot be reached, or refused the request.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The service reports that it cannot do its work.
    #[error("{report}")]
    Degraded {
        /// The state of the service in one line.
        report: String,
        /// The host's engine.
        engine: EngineKind,
    },
    /// The release failed its self-check.
    #[error("release {release} failed its self-check: {failures}")]
    SelfCheck {
        /// The release, `<version>-<serial>`.
        release: String,
        /// The failed checks, each with what was found.
        failures: String,
        /// The host's engine.
        engine: EngineKind,
    },
    /// The result cannot be written to standard output.
    #[error("cannot write the result")]
    Output(#[from] io::Error),
}

/// Why the running service did not answer, or what it answered instead.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client cannot start.
    #[error("cannot start the client")]
    Runtime(#[source] io::Error),
    /// The socket cannot be connected to.
    #[error("cannot reach the service at {socket}")]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The request is not valid HTTP.
    #[error("cannot make the request")]
    Request(#[source] hyper::http::Error),
    /// The service closed the connection.
    #[error("the service closed the connection")]
    Closed(#[source] hyper::Error),
    /// The response ended early, or is too long.
    #[error("cannot read the service's response")]
    Interrupted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response is not what this program expects.
    #[error("cannot parse the service's response")]
    Unreadable(#[source] serde_json::Error),
    /// The response takes too long.
    #[error("no response within {} s", .limit.as_secs())]
    Timeout {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The service refused the request.
    #[error("{message} ({code}); request {request}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The service's word for the error.
        code: String,
        /// The service's message.
        message: String,
        /// The id by which the service's log names the request.
        request: String,
    },
}

/// What an operator whose database is gone can do.
const RESTORE_OR_GIVE_UP: &str = "restore the folder of the database, tenant-keys.secret included, from its backup; to give the tenants up \
    for good instead, move tenant-keys.secret away and remove the containers, networks and volumes from the engine whose label \
    io.landfall.installation is the id in /var/lib/landfall/state/installation-id";

impl Classify for CommandError {
    fn class(&self) -> ErrorClass {
        let unfit = |code| ErrorClass::without_hint(Exit::Unfit, code);
        match self {
            Self::Root(error) => error.class(),
            Self::ReadSettings { .. } | Self::SettingsText { .. } | Self::Settings { .. } => ErrorClass::new(
                Exit::Usage,
                "invalid_settings",
                "correct the file; `landfall-installer config check` says whether the release takes it",
            ),
            Self::AdminToken(_) => ErrorClass::new(
                Exit::Unfit,
                "admin_token",
                "restore the file from its backup, or write another token into it: sk_admin_ and 64 random hex digits, mode 0600",
            ),
            Self::Release(_) => ErrorClass::new(
                Exit::Untrusted,
                "release",
                "install a release with landfall-installer; `landfall-installer status` says what is on this host",
            ),
            Self::Database(_) | Self::Images(_) => ErrorClass::new(
                Exit::Unfit,
                "database",
                "where it is damaged, restore its folder from the backup while the service is stopped",
            ),
            Self::InstallationId(_) | Self::NoInstallationId { .. } => {
                ErrorClass::new(Exit::Unfit, "installation_id", "`landfall-installer recover` writes the file again")
            }
            Self::DatabaseLost { .. } | Self::UnknownTenants(_) => {
                ErrorClass::new(Exit::Unfit, "database_lost", RESTORE_OR_GIVE_UP)
            }
            Self::TenantKeys(_) => unfit("tenant_keys"),
            Self::Listen(error) => error.class(),
            Self::Migrate(error) => error.class(),
            Self::Firewall(_) => unfit("firewall"),
            Self::ClearFirewall(_) => ErrorClass::new(
                Exit::Unfit,
                "firewall",
                "while the tables are held, stop the holder: systemctl stop landfall-firewall",
            ),
            Self::NotConfirmed(_) => ErrorClass::new(Exit::Usage, "not_confirmed", "give --yes"),
            Self::Client(error) => error.class(),
            Self::Degraded { engine, .. } => ErrorClass::new(Exit::Unfit, "degraded", see_the_logs(*engine)),
            Self::SelfCheck { engine, .. } => ErrorClass::new(Exit::Unfit, "selfcheck", see_the_logs(*engine)),
            Self::Start(_) | Self::ReadTenants(_) | Self::OpenPorts(_) | Self::Signals(_) | Self::Output(_) => {
                ErrorClass::UNEXPECTED
            }
        }
    }
}

/// Where the service and its engine say more.
fn see_the_logs(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Docker => "see `journalctl -u landfall` and `systemctl status landfall docker`",
        EngineKind::Podman => "see `journalctl -u landfall` and `systemctl status landfall podman.socket podman`",
        EngineKind::Unknown => "see `journalctl -u landfall`, `systemctl status landfall` and the engine's own log",
    }
}

impl Classify for ListenError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Port { .. } => ErrorClass::new(
                Exit::Unfit,
                "port_unavailable",
                "stop the program that holds the port (`ss -ltnp` names it), or change it: `landfall-installer config set api.port=8080`",
            ),
            Self::Socket { .. } => ErrorClass::UNEXPECTED,
            Self::AlreadyRunning { .. } => ErrorClass::without_hint(Exit::Busy, "already_running"),
        }
    }
}

impl Classify for ClientError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Connect { .. } => ErrorClass::new(
                Exit::Unfit,
                "not_running",
                "start it with `systemctl start landfall`; only root may use its socket",
            ),
            Self::Timeout { .. } => ErrorClass::without_hint(Exit::Unfit, "no_answer"),
            Self::Refused { status, .. } => refusal(*status),
            Self::Runtime(_) | Self::Request(_) | Self::Closed(_) | Self::Interrupted(_) | Self::Unreadable(_) => {
                ErrorClass::UNEXPECTED
            }
        }
    }
}

/// What the status of a refused request means. The service logs its own failures, but not the mistakes of its clients.
fn refusal(status: StatusCode) -> ErrorClass {
    let log = "find the request in the service's log: journalctl -u landfall";
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            ErrorClass::new(Exit::Unfit, "refused", log)
        }
        status if status.is_client_error() => ErrorClass::without_hint(Exit::Usage, "refused"),
        status if status.is_server_error() => ErrorClass::new(Exit::Unexpected, "refused", log),
        _ => ErrorClass::without_hint(Exit::Unexpected, "refused"),
    }
}

/// What it means that `migrate` fails with this error. The installer acts upon some of these.
impl Classify for StoreError {
    fn class(&self) -> ErrorClass {
        let of = |failure: MigrateFailure, hint| ErrorClass::new(failure.exit(), failure.code(), hint);
        let keep_the_older = "the database is unchanged: keep the older release, and report this";
        match self {
            // Before the variants: a full disk appears as a failed step, as a file that was not written, and as
            // SQLite's own error.
            _ if self.is_full() => {
                of(MigrateFailure::DiskFull, "the database is unchanged: free as many bytes as it has, and try again")
            }
            Self::InUse { .. } => of(
                MigrateFailure::InUse,
                "stop the service (`systemctl stop landfall`), or wait for the other landfall command",
            ),
            Self::Irreversible { .. } => of(
                MigrateFailure::Irreversible,
                "`landfall migrate --restore` of the older release sets this database aside and restores the snapshot",
            ),
            Self::Step { .. } | Self::Integrity { .. } => of(MigrateFailure::MigrationFailed, keep_the_older),
            Self::LosesContent { .. } => of(MigrateFailure::LosesContent, keep_the_older),
            Self::UnknownSchema { .. } => {
                of(MigrateFailure::UnknownSchema, "run this with the release that writes that schema")
            }
            Self::NoSnapshot { .. } => {
                of(MigrateFailure::NoSnapshot, "a snapshot is taken when a newer release migrates the database")
            }
            Self::NotSetAside { .. } => of(
                MigrateFailure::NotSetAside,
                "a database that --restore set aside is named landfall.db.aside-schema-N, or .N.2, .N.3",
            ),
            Self::SetAsideMissing { .. } => of(
                MigrateFailure::SetAsideMissing,
                "`landfall-installer status` lists the databases that were set aside",
            ),
            Self::WrongSchema { .. } => of(MigrateFailure::WrongSchema, "run this with the release that wrote it"),
            Self::TooNew { .. } => of(MigrateFailure::TooNew, "run this with the release that wrote it"),
            Self::Sqlite(_)
            | Self::File { .. }
            | Self::NoRoom { .. }
            | Self::ReadOnly { .. }
            | Self::Corrupt { .. }
            | Self::NameTaken(_)
            | Self::Closing => {
                ErrorClass::without_hint(MigrateFailure::Database.exit(), MigrateFailure::Database.code())
            }
        }
    }
}
