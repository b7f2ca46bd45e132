//! A tenant's environment, as the database stores it.

use crate::identity::{EnvId, KeyHash, KeyNonce, OrgId};
use crate::network::Subnet;
use landfall_manifests::Tenant;
use serde::{Deserialize, Serialize};

/// The state of an environment. The words are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being spawned. After a crash it is removed.
    Provisioning,
    /// Its container ran when it was last observed.
    Running,
    /// It should run and does not; the reconcile loop tries to start it.
    Stopped,
    /// It is being removed, which is never undone.
    Destroying,
    /// Its row has a state that this release does not know: it is left as it is until it is removed on request. Never written.
    Unknown,
}

/// The state that was requested last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    /// Its container should run.
    Running,
    /// Nothing of it should remain.
    Removed,
}

impl Status {
    /// The word of the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Destroying => "destroying",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        let known = [Self::Provisioning, Self::Running, Self::Stopped, Self::Destroying];
        known.into_iter().find(|status| status.word() == word).unwrap_or(Self::Unknown)
    }
}

impl Desired {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Removed => "removed",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Removed].into_iter().find(|desired| desired.word() == word)
    }
}

/// What is stored of an environment's image, so that its container can be created again whatever release is installed by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// The image's name in its release.
    pub name: String,
    /// The digest of its config, `sha256:…`.
    pub config: String,
    /// The digests of its uncompressed layers, lowest first.
    pub diff_ids: Vec<String>,
    /// What a container of it needs, and how it is reached.
    pub tenant: Tenant,
}

/// What is decided about an environment before it has a number.
#[derive(Debug, Clone)]
pub struct NewEnvironment {
    /// The organization that owns it.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// Its port on the host.
    pub port: u16,
    /// Its subnet.
    pub subnet: Subnet,
    /// The nonce from which its key is derived.
    pub nonce: KeyNonce,
    /// The hash of its key.
    pub key_hash: KeyHash,
    /// Its image.
    pub image: ImageRecord,
}

/// One tenant's environment.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its number.
    pub id: EnvId,
    /// Its state.
    pub status: Status,
    /// The state that was requested last.
    pub desired: Desired,
    /// When it was created, RFC 3339 in UTC.
    pub created_at: String,
    /// What was decided at its spawn.
    pub decided: NewEnvironment,
}
