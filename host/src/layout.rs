//! The paths of a host, below one root (ARCHITECTURE.md, "Where the parts meet on a host").

use crate::settings;
use landfall_console::{Classify, ErrorClass, Exit};
use landfall_manifests::{Digest, ReleaseId};
use std::path::{Path, PathBuf};

/// The host's own settings, trust root and token: kept by an uninstall.
pub const SETTINGS_FOLDER: &str = "etc/landfall";
/// Everything that Landfall stores: blobs, records, database.
pub const DATA_FOLDER: &str = "var/lib/landfall";
/// The releases and the installer beside them.
pub const PROGRAM_FOLDER: &str = "opt/landfall";
/// The records: what is installed, and the operation in progress.
pub const STATE_FOLDER: &str = "var/lib/landfall/state";
/// The id of the installation.
pub const INSTALLATION_ID: &str = "var/lib/landfall/state/installation-id";
/// The database's folder, which must exist when the runtime's unit starts.
pub const DATABASE_FOLDER: &str = "var/lib/landfall/db";
/// The name of the database's file.
pub const DATABASE: &str = "landfall.db";
/// What follows in the name of a snapshot, before the schema's number: the database from before it was migrated.
pub const SNAPSHOT_SUFFIX: &str = ".schema-";
/// What follows in the name of a database that was set aside, before its schema's number.
pub const SET_ASIDE_SUFFIX: &str = ".aside-schema-";
/// The blobs of the releases that are kept.
pub const STORE_FOLDER: &str = "var/lib/landfall/store";
/// The unit files of this host's administrator (systemd.unit(5), "Unit File Load Path").
pub const UNITS_FOLDER: &str = "etc/systemd/system";
/// The links to the programs, on everybody's `PATH`.
pub const LINKS_FOLDER: &str = "usr/local/bin";
/// Where man(1) and the shells look for what an administrator installed (hier(7)): the folders of [`SHARE_FOLDERS`] lie there.
pub const SHARE_FOLDER: &str = "usr/local/share";
/// Where a host finds the release that is current, as links name it.
pub const CURRENT_TARGET: &str = "/opt/landfall/current";

/// Every folder outside a release's own that an installation needs, outermost first, with its mode.
pub const FOLDERS: [(&str, u32); 19] = [
    ("var", 0o755),
    ("var/lib", 0o755),
    (DATA_FOLDER, 0o755),
    // The host's secret key and its journal: root's alone.
    (STATE_FOLDER, 0o700),
    (STORE_FOLDER, 0o700),
    ("var/lib/landfall/store/incoming", 0o700),
    ("var/lib/landfall/store/sha256", 0o700),
    // Rows of tenants, and the secret that their keys are derived from.
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

/// Every folder that the links to a release's manual pages and completions need, outermost first, each of mode 0755. No operation
/// depends on them: a host whose `/usr` cannot be written has no such links.
pub const SHARE_LINK_FOLDERS: [&str; 9] = [
    SHARE_FOLDER,
    "usr/local/share/man",
    "usr/local/share/man/man1",
    "usr/local/share/bash-completion",
    "usr/local/share/bash-completion/completions",
    "usr/local/share/zsh",
    "usr/local/share/zsh/site-functions",
    "usr/local/share/fish",
    "usr/local/share/fish/vendor_completions.d",
];

/// The folders of a release whose files are linked to from the folder of the same name below `usr/local`: the manual pages and
/// the completions of bash, zsh and fish.
pub const SHARE_FOLDERS: [&str; 4] = [
    "share/man/man1",
    "share/bash-completion/completions",
    "share/zsh/site-functions",
    "share/fish/vendor_completions.d",
];

/// The programs that are linked to from [`LINKS_FOLDER`], and what their links point at.
pub const LINKS: [(&str, &str); 2] = [
    ("landfall", "/opt/landfall/current/bin/landfall"),
    ("landfall-installer", "/opt/landfall/bin/landfall-installer"),
];

/// A folder that cannot stand for a host's root.
#[derive(Debug, thiserror::Error)]
pub enum RootFolderError {
    /// It is none, or cannot be entered.
    #[error("--root {} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// A symbolic link leads out of it: on the disk of another machine it means that machine's folder, and would be followed to this one's.
    #[error("{} does not lead to a folder below {}, but to {}", folder.display(), root.display(), real.display())]
    Outside {
        /// The root.
        root: PathBuf,
        /// The folder of an installation that is not below it.
        folder: PathBuf,
        /// Where that one leads.
        real: PathBuf,
    },
}

impl Classify for RootFolderError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::NotAFolder(_) => ErrorClass::without_hint(Exit::Usage, "root"),
            Self::Outside { .. } => ErrorClass::new(
                Exit::Unfit,
                "outside_root",
                "put the folder of that machine in the link's place, such as by `mount --bind`",
            ),
        }
    }
}

/// The paths of one host.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The host below `root`; `/` is the running system.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The host below the folder that a command line names.
    ///
    /// # Errors
    /// It is no folder, or a folder of an installation is not below it.
    pub fn open(root: &Path) -> Result<Self, RootFolderError> {
        let real = root.canonicalize().ok().filter(|root| root.is_dir());
        let layout = Self::new(real.ok_or_else(|| RootFolderError::NotAFolder(root.to_owned()))?);
        match layout.folder_outside() {
            Some((folder, real)) => Err(RootFolderError::Outside { root: layout.root, folder, real }),
            None => Ok(layout),
        }
    }

    /// Whether these are the paths of the running system itself.
    pub fn is_running_system(&self) -> bool {
        self.root == Path::new("/")
    }

    /// `path`, relative as in [`FOLDERS`], on this host.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// The first folder of an installation that is not below the root, which is canonical, with where it leads.
    fn folder_outside(&self) -> Option<(PathBuf, PathBuf)> {
        let mut folders = FOLDERS.iter().map(|(folder, _)| *folder).chain(SHARE_LINK_FOLDERS);
        folders.find_map(|folder| {
            let folder = self.at(folder);
            // One that is not there is made below its parent.
            let real = folder.canonicalize().ok()?;
            (!real.starts_with(&self.root)).then_some((folder, real))
        })
    }

    /// The folder of the records.
    pub fn state(&self) -> PathBuf {
        self.at(STATE_FOLDER)
    }

    /// The file that an operation locks.
    pub fn lock(&self) -> PathBuf {
        self.state().join("lock")
    }

    /// The journal: the record of an operation in progress.
    pub fn journal(&self) -> PathBuf {
        self.state().join("journal.json")
    }

    /// The record of what is installed.
    pub fn installed(&self) -> PathBuf {
        self.state().join("installed.json")
    }

    /// The serial below which bundles are refused.
    pub fn serial_floor(&self) -> PathBuf {
        self.state().join("serial-floor")
    }

    /// The product that the host has had.
    pub fn product(&self) -> PathBuf {
        self.state().join("product")
    }

    /// The record of the packages that came with Landfall.
    pub fn packages(&self) -> PathBuf {
        self.state().join("packages.json")
    }

    /// The files of packages while they are being installed.
    pub fn package_files(&self) -> PathBuf {
        self.store().join("packages")
    }

    /// The id of the installation, which everything that its tenants have in an engine bears.
    pub fn installation_id(&self) -> PathBuf {
        self.at(INSTALLATION_ID)
    }

    /// The key that signs this host's receipts.
    pub fn host_key(&self) -> PathBuf {
        self.state().join("host.key")
    }

    /// Its public half.
    pub fn host_public_key(&self) -> PathBuf {
        self.state().join("host.pub")
    }

    /// The receipts: a record of each operation on this host.
    pub fn receipts(&self) -> PathBuf {
        self.state().join("receipts")
    }

    /// The counter of the last receipt.
    pub fn last_receipt(&self) -> PathBuf {
        self.state().join("last-receipt")
    }

    /// The record of how often the current release may still be started.
    pub fn tries(&self) -> PathBuf {
        self.state().join("tries")
    }

    /// The mark of the release that was healthy for long enough ([`mark`](crate::mark)).
    pub fn proven(&self) -> PathBuf {
        self.at(DATABASE_FOLDER).join("proven")
    }

    /// The mark of the start of the service that became healthy ([`mark`](crate::mark)).
    pub fn healthy(&self) -> PathBuf {
        self.at(DATABASE_FOLDER).join("healthy")
    }

    /// The runtime's database.
    pub fn database(&self) -> PathBuf {
        self.at(DATABASE_FOLDER).join(DATABASE)
    }

    /// The secret that tenants' keys are derived from.
    pub fn tenant_keys(&self) -> PathBuf {
        self.at(DATABASE_FOLDER).join("tenant-keys.secret")
    }

    /// The unix socket of the runtime's command line.
    pub fn socket(&self) -> PathBuf {
        self.at("run/landfall/landfall.sock")
    }

    /// The store of blobs.
    pub fn store(&self) -> PathBuf {
        self.at(STORE_FOLDER)
    }

    /// The staging folder: blobs of a bundle that has not been verified whole yet.
    pub fn incoming(&self) -> PathBuf {
        self.store().join("incoming")
    }

    /// The blobs of the releases, each named by its digest.
    pub fn blobs(&self) -> PathBuf {
        self.store().join("sha256")
    }

    /// The blob with this digest.
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// The folder of the releases.
    pub fn releases(&self) -> PathBuf {
        self.at("opt/landfall/releases")
    }

    /// One release's folder.
    pub fn release(&self, id: &ReleaseId) -> PathBuf {
        self.releases().join(id.to_string())
    }

    /// A release that is being unpacked. No release has such a name.
    pub fn partial_release(&self, id: &ReleaseId) -> PathBuf {
        self.releases().join(format!(".{id}.partial"))
    }

    /// The symbolic link to the release that runs.
    pub fn current(&self) -> PathBuf {
        self.at("opt/landfall/current")
    }

    /// The installer beside the releases, which recovers after a power cut.
    pub fn installer(&self) -> PathBuf {
        self.at("opt/landfall/bin/landfall-installer")
    }

    /// The recovery installer from before the last update.
    pub fn previous_installer(&self) -> PathBuf {
        self.at("opt/landfall/bin/landfall-installer.previous")
    }

    /// The folder of the runtime's database.
    pub fn database_folder(&self) -> PathBuf {
        self.at(DATABASE_FOLDER)
    }

    /// The settings that the current release brings.
    pub fn release_settings(&self) -> PathBuf {
        self.current().join(settings::RELEASE_FILE)
    }

    /// The operator's settings.
    pub fn settings(&self) -> PathBuf {
        self.at("etc/landfall/config.toml")
    }

    /// The trust root that the host pins.
    pub fn trust_root(&self) -> PathBuf {
        self.at("etc/landfall/trust.json")
    }

    /// The operator's token for the API.
    pub fn admin_token(&self) -> PathBuf {
        self.at("etc/landfall/admin.token")
    }

    /// The link to one of the programs ([`LINKS`]).
    pub fn link(&self, name: &str) -> PathBuf {
        self.at(LINKS_FOLDER).join(name)
    }

    /// The folder with the links to the files in one of [`SHARE_FOLDERS`].
    pub fn share_links(&self, folder: &str) -> PathBuf {
        self.at("usr/local").join(folder)
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
            layout.packages(),
            layout.package_files(),
            layout.installation_id(),
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
