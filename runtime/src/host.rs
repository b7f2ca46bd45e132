//! Where things are on the host, under one root (ARCHITECTURE.md, "Where the parts meet on a host").

use landfall_manifests::archive;
use std::path::{Path, PathBuf};

/// The paths that the runtime reads and writes, under `--root DIR`.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// The host whose files lie under `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The settings of the operator.
    pub fn settings(&self) -> PathBuf {
        self.at("etc/landfall/config.toml")
    }

    /// The token of the management routes.
    pub fn admin_token(&self) -> PathBuf {
        self.at("etc/landfall/admin.token")
    }

    /// The keys that this host trusts today.
    pub fn trust_root(&self) -> PathBuf {
        self.at("etc/landfall/trust.json")
    }

    /// The keys by which the installed release was accepted.
    pub fn accepted_by(&self) -> PathBuf {
        self.release().join(archive::ACCEPTED_BY_NAME)
    }

    /// The folder of the installed release.
    pub fn release(&self) -> PathBuf {
        self.at("opt/landfall/current")
    }

    /// The folder of the database and of the secret beside it.
    pub fn database_folder(&self) -> PathBuf {
        self.at("var/lib/landfall/db")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.database_folder().join("landfall.db")
    }

    /// The name of the release that last proved that it works, `<version>-<serial>` and a newline.
    pub fn proven(&self) -> PathBuf {
        self.database_folder().join("proven")
    }

    /// The secret that tenants' keys are derived from.
    pub fn tenant_keys(&self) -> PathBuf {
        self.database_folder().join("tenant-keys.secret")
    }

    /// The unix socket of the command line.
    pub fn socket(&self) -> PathBuf {
        self.at("run/landfall/landfall.sock")
    }
}

impl AsRef<Path> for Host {
    fn as_ref(&self) -> &Path {
        &self.root
    }
}
