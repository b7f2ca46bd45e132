//! What an environment is.

use crate::identity::{EnvId, KeyHash, KeyNonce, OrgId};
use crate::network::Subnet;
use serde::{Deserialize, Serialize};

/// Where an environment is in its life. The words are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made: neither reachable nor promised to anyone yet.
    Provisioning,
    /// Its container runs, as far as we know.
    Running,
    /// It should run and does not; the reconciler is on it.
    Stopped,
    /// Being removed: nothing brings it back.
    Destroying,
}

/// What was asked for last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    /// Its container is to run.
    Running,
    /// Nothing of it is to remain.
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
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Provisioning, Self::Running, Self::Stopped, Self::Destroying].into_iter().find(|s| s.word() == word)
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

/// What an environment must remember of its image to be made again, whatever release is installed by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// The image's name in its release.
    pub name: String,
    /// The digest of its config, `sha256:…`.
    pub config: String,
    /// The digests of its uncompressed layers, lowest first.
    pub diff_ids: Vec<String>,
    /// The port that it listens on inside the container.
    pub port: u16,
    /// The path that answers 200 when it is healthy.
    pub health: String,
}

/// What is decided before an environment has a number.
#[derive(Debug, Clone)]
pub struct NewEnvironment {
    /// Whose it is.
    pub org: OrgId,
    /// What people call it.
    pub name: String,
    /// Its front door.
    pub port: u16,
    /// Its subnet.
    pub subnet: Subnet,
    /// What its key is derived from.
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
    /// Where it is in its life.
    pub status: Status,
    /// What was asked for last.
    pub desired: Desired,
    /// When it was created, RFC 3339 in UTC.
    pub created_at: String,
    /// What was decided at its spawn.
    pub decided: NewEnvironment,
}
