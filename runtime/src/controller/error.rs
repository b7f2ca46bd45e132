use super::subnets::NoFreeSubnet;
use crate::engine::EngineError;
use crate::identity::{EnvId, OrgId, SecretError};
use crate::release::ChoiceError;
use crate::store::StoreError;
use landfall_console::Size;

/// Why an action failed. What it had begun is undone, unless the message says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// There is no such tenant.
    #[error("there is no tenant {0}")]
    NoSuchTenant(EnvId),
    /// A tenant is being removed.
    #[error("tenant {0} is being removed")]
    BeingRemoved(EnvId),
    /// A tenant has no container at the moment; the reconcile loop makes it again.
    #[error("tenant {0} has no container at the moment: it is being made again")]
    NoContainer(EnvId),
    /// There is no such organization.
    #[error("there is no organization {0}")]
    NoSuchOrganization(OrgId),
    /// A spawn names an organization that does not exist.
    #[error("there is no organization {0} to spawn into")]
    UnknownOrganization(OrgId),
    /// An organization has tenants.
    #[error("organization {0} has tenants: destroy them first")]
    OrganizationNotEmpty(OrgId),
    /// The default organization cannot be removed.
    #[error("organization {0} is the default one and cannot be removed")]
    DefaultOrganization(OrgId),
    /// The request names no image of the installed release.
    #[error(transparent)]
    Image(#[from] ChoiceError),
    /// The engine does not hold an image of the installed release, or holds another one under its name.
    #[error(
        "the engine does not hold the image {name} as the release has it ({config}): the engine lost it, or another image took its place"
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
    /// An image needs more memory than the host gives a tenant.
    #[error(
        "the image {image} needs {} of memory, and this host gives a tenant {}: raise [tenants] memory",
        Size(*needed),
        Size(*limit)
    )]
    TooLittleMemory {
        /// The image's name.
        image: String,
        /// What it needs, in bytes.
        needed: u64,
        /// What a tenant may use, in bytes.
        limit: u64,
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
    #[error(transparent)]
    NoFreeSubnet(#[from] NoFreeSubnet),
    /// The host's own routes, beside which a subnet has to be chosen, cannot be read.
    #[error("cannot read the host's routes, beside which a subnet has to be chosen")]
    Routes(#[source] std::io::Error),
    /// The disk has less free space than tenants have to leave to the host.
    #[error(
        "the disk of the tenants' volumes has {:#} free, less than the {:#} of tenants.disk_reserve: remove files or tenants",
        Size(*.free),
        Size(*.reserve)
    )]
    DiskShort {
        /// The free bytes.
        free: u64,
        /// The bytes that tenants leave free.
        reserve: u64,
    },
    /// More spawns are waiting than can be served in time.
    #[error("too many tenants are being spawned at once: try again in a moment")]
    Busy,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The container of a new tenant ended at once.
    #[error(
        "the tenant's container ended at once{}{output}",
        .code.map(|code| format!(" with exit code {code}")).unwrap_or_default()
    )]
    EndedAtOnce {
        /// Its exit code, where the engine reports one.
        code: Option<i64>,
        /// The end of its output.
        output: String,
    },
    /// The engine failed to remove a tenant. The reconcile loop removes it later.
    #[error("tenant {id} is marked for removal, which is finished as soon as the engine allows it")]
    RemovalPending {
        /// The tenant.
        id: EnvId,
        /// Why it was not removed at once.
        source: EngineError,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine holds tenants, and the database has never had one: it was lost.
    #[error(
        "the database has never had a tenant, but the engine holds one's {found}: the database was lost, or is another host's, and all \
         tenants would be removed by it"
    )]
    DatabaseLost {
        /// The name of what the engine holds.
        found: String,
    },
    /// A key cannot be derived.
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
    /// The service is stopping.
    #[error("the service is ending: ask again when it is back")]
    Ending,
}
