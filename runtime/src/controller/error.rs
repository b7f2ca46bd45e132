use crate::engine::EngineError;
use crate::identity::{EnvId, OrgId, SecretError};
use crate::release::ChoiceError;
use crate::store::StoreError;

/// Why an action was not done. Whatever it had begun is undone, unless the message says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// There is no such tenant.
    #[error("there is no tenant {0}")]
    NoSuchTenant(EnvId),
    /// There is no such organization.
    #[error("there is no organization {0}")]
    NoSuchOrganization(OrgId),
    /// A spawn names an organization that does not exist.
    #[error("there is no organization {0} to spawn into")]
    UnknownOrganization(OrgId),
    /// An organization has tenants.
    #[error("organization {0} has tenants: destroy them first")]
    OrganizationNotEmpty(OrgId),
    /// The organization of spawns that name none must stay.
    #[error("organization {0} is the default one and stays")]
    DefaultOrganization(OrgId),
    /// No image of the installed release is meant.
    #[error(transparent)]
    Image(#[from] ChoiceError),
    /// An image of the installed release is not in the engine, or is not what the release says.
    #[error(
        "the engine does not hold the image {name} as the release has it ({config}): run `landfall-installer doctor`"
    )]
    ImageNotLoaded {
        /// The image's name.
        name: String,
        /// The digest of its config.
        config: String,
    },
    /// An image names a user that it does not have.
    #[error("the image {image} wants to run as {user:?}, which its /etc/passwd does not have")]
    UnknownUser {
        /// The image's name.
        image: String,
        /// The user.
        user: String,
    },
    /// All tenant ports are in use.
    #[error(
        "every port from {first} to {last} is in use: destroy a tenant, or widen [tenants] first_port and last_port"
    )]
    NoFreePort {
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
    /// All subnets of the pool are in use.
    #[error("the address pool {0} is used up: destroy a tenant, or widen [network] pool")]
    NoFreeSubnet(String),
    /// More spawns are waiting than can be served in time.
    #[error("too many tenants are being spawned at once: try again in a moment")]
    Busy,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine failed to remove a tenant, which will be removed later.
    #[error("tenant {id} is marked for removal, which is finished as soon as the engine lets us")]
    RemovalPending {
        /// The tenant.
        id: EnvId,
        /// Why it was not removed at once.
        source: EngineError,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] SecretError),
    /// A port cannot be opened.
    #[error("cannot open port {port}")]
    OpenPort {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// The program is ending.
    #[error("the service is ending: ask again when it is back")]
    Ending,
}
