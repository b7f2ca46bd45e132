//! Where everything lies on a host, below one root (ARCHITECTURE.md, "Where the parts meet on a host").

use landfall_manifests::{Digest, ReleaseId};
use std::path::{Path, PathBuf};

/// The host's own settings, trust root and token: kept by an uninstall.
pub(crate) const SETTINGS_FOLDER: &str = "etc/landfall";
/// All that Landfall keeps: store, state, database.
pub(crate) const DATA_FOLDER: &str = "var/lib/landfall";
/// The releases and the installer beside them.
pub(crate) const PROGRAM_FOLDER: &str = "opt/landfall";
/// The records of what is installed and of what is being done.
pub(crate) const STATE_FOLDER: &str = "var/lib/landfall/state";
/// The database's folder, which the runtime's unit expects to be there.
pub(crate) const DATABASE_FOLDER: &str = "var/lib/landfall/db";
/// The blobs of the releases that are kept.
pub(crate) const STORE_FOLDER: &str = "var/lib/landfall/store";
/// The unit files of this host's administrator (systemd.unit(5), "Unit File Load Path").
pub(crate) const UNITS_FOLDER: &str = "etc/systemd/system";
/// The programs for people.
pub(crate) const LINKS_FOLDER: &str = "usr/local/bin";

/// Every folder outside a release's own that an installation needs, outermost first, with its mode.
pub(crate) const FOLDERS: [(&str, u32); 19] = [
    ("var", 0o755),
    ("var/lib", 0o755),
    (DATA_FOLDER, 0o755),
    (STATE_FOLDER, 0o700),
    (STORE_FOLDER, 0o700),
    ("var/lib/landfall/store/incoming", 0o700),
    ("var/lib/landfall/store/sha256", 0o700),
    (DATABASE_FOLDER, 0o700),
    ("opt", 0o755),
    (PROGRAM_FOLDER, 0o755),
    ("opt/landfall/releases", 0o755),
    ("opt/landfall/bin", 0o755),
    ("usr", 0o755),
    ("usr/local", 0o755),
    (LINKS_FOLDER, 0o755),
    ("etc", 0o755),
    (SETTINGS_FOLDER, 0o755),
    ("etc/systemd", 0o755),
    (UNITS_FOLDER, 0o755),
];

/// The programs that people find in [`LINKS_FOLDER`], and what their links point at.
pub(crate) const LINKS: [(&str, &str); 2] = [
    ("landfall", "/opt/landfall/current/bin/landfall"),
    ("landfall-installer", "/opt/landfall/bin/landfall-installer"),
];

/// The paths of one host.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether these are the paths of the running system itself.
    pub(crate) fn is_running_system(&self) -> bool {
        self.root == Path::new("/")
    }

    /// `path`, relative as in [`FOLDERS`], on this host.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.at(STATE_FOLDER)
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.state().join("lock")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.state().join("journal.json")
    }

    pub(crate) fn installed(&self) -> PathBuf {
        self.state().join("installed.json")
    }

    pub(crate) fn serial_floor(&self) -> PathBuf {
        self.state().join("serial-floor")
    }

    /// The product that the host has had.
    pub(crate) fn product(&self) -> PathBuf {
        self.state().join("product")
    }

    /// The key that signs this host's receipts ([`crate::receipts`]).
    pub(crate) fn host_key(&self) -> PathBuf {
        self.state().join("host.key")
    }

    /// Its public half.
    pub(crate) fn host_public_key(&self) -> PathBuf {
        self.state().join("host.pub")
    }

    /// What was done to this host.
    pub(crate) fn receipts(&self) -> PathBuf {
        self.state().join("receipts")
    }

    /// The counter of the last of them.
    pub(crate) fn last_receipt(&self) -> PathBuf {
        self.state().join("last-receipt")
    }

    /// How often the current release may still be started ([`crate::tries`]).
    pub(crate) fn tries(&self) -> PathBuf {
        self.state().join("tries")
    }

    /// The release that the runtime last found well for long enough.
    pub(crate) fn proven(&self) -> PathBuf {
        self.at(DATABASE_FOLDER).join("proven")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.at(DATABASE_FOLDER).join("landfall.db")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.at(STORE_FOLDER)
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.store().join("incoming")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.store().join("sha256")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    pub(crate) fn releases(&self) -> PathBuf {
        self.at("opt/landfall/releases")
    }

    pub(crate) fn release(&self, id: &ReleaseId) -> PathBuf {
        self.releases().join(id.to_string())
    }

    /// A release that is being unfolded. Its name is none that a release can have.
    pub(crate) fn partial_release(&self, id: &ReleaseId) -> PathBuf {
        self.releases().join(format!(".{id}.partial"))
    }

    pub(crate) fn current(&self) -> PathBuf {
        self.at("opt/landfall/current")
    }

    pub(crate) fn installer(&self) -> PathBuf {
        self.at("opt/landfall/bin/landfall-installer")
    }

    /// The one that was there before the last update.
    pub(crate) fn previous_installer(&self) -> PathBuf {
        self.at("opt/landfall/bin/landfall-installer.previous")
    }

    pub(crate) fn database_folder(&self) -> PathBuf {
        self.at(DATABASE_FOLDER)
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.at("etc/landfall/config.toml")
    }

    pub(crate) fn trust_root(&self) -> PathBuf {
        self.at("etc/landfall/trust.json")
    }

    pub(crate) fn admin_token(&self) -> PathBuf {
        self.at("etc/landfall/admin.token")
    }

    pub(crate) fn link(&self, name: &str) -> PathBuf {
        self.at(LINKS_FOLDER).join(name)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_path_lies_below_the_root_and_in_a_folder_that_is_made() {
        let layout = Layout::new("/mnt/host");
        let id: ReleaseId = "1.0.0-1".parse().unwrap();
        let folders: Vec<PathBuf> = FOLDERS.iter().map(|(folder, _)| layout.at(folder)).collect();
        for path in [
            layout.lock(),
            layout.journal(),
            layout.installed(),
            layout.serial_floor(),
            layout.product(),
            layout.host_key(),
            layout.host_public_key(),
            layout.receipts(),
            layout.last_receipt(),
            layout.blob(&Digest::of(b"")),
            layout.incoming().join("x"),
            layout.release(&id),
            layout.partial_release(&id),
            layout.current(),
            layout.installer(),
            layout.settings(),
            layout.trust_root(),
            layout.admin_token(),
            layout.link("landfall"),
        ] {
            assert!(folders.iter().any(|folder| Some(folder.as_path()) == path.parent()), "{}", path.display());
        }
    }

    #[test]
    fn a_folder_comes_after_its_parent() {
        for (index, (folder, _)) in FOLDERS.iter().enumerate() {
            let parent = folder.rsplit_once('/').map(|(parent, _)| parent);
            let before = &FOLDERS[..index];
            assert!(parent.is_none_or(|parent| before.iter().any(|(earlier, _)| *earlier == parent)), "{folder}");
        }
    }
}
