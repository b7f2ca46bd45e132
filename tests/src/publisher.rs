//! The connected side: whoever makes releases and puts them on sticks.

use crate::mirror::Mirror;
use crate::{Command, Engine, Programs, Stick, workspace};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The user that images name; it owns the folders where volumes are mounted.
const TENANT_USER: u32 = 65532;

/// The table of the image `hello` in a definition.
const HELLO: &str = "entrypoint = [\"/hello\"]\nuser = \"65532:65532\"\nowners = \"keep\"\n\
                     tenant = { language = \"rust\", framework = \"hello\", port = 3000, health = \"/health\" }\n";

/// The table of the image `checked` in a definition: `hello`, which is asked for its health by a command.
const CHECKED: &str = "entrypoint = [\"/checked\"]\nuser = \"65532:65532\"\nowners = \"keep\"\n\
                       tenant = { language = \"rust\", framework = \"checked\", port = 3000, \
                       health = { command = [\"/checked\", \"check\"] } }\n";

/// The table of the image `broken` in a definition: its program ends at once, with an error.
const BROKEN: &str = "entrypoint = [\"/broken\"]\nuser = \"65532:65532\"\nowners = \"keep\"\n\
                      tenant = { language = \"rust\", framework = \"broken\", port = 3000, health = \"/health\", canary = true }\n";

/// The table of the image `slow` in a definition.
const SLOW: &str = "entrypoint = [\"/slow\"]\nuser = \"65532:65532\"\nowners = \"keep\"\n\
                    tenant = { language = \"rust\", framework = \"slow\", port = 3000, health = \"/health\" }\n";

/// The size of a stick, in megabytes. The file behind it is sparse: it takes no more than what is on the stick.
const STICK_SIZE: u64 = 2048;

/// A release to be packed.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// Its semantic version.
    pub version: String,
    /// Its serial.
    pub serial: u64,
    /// Its images.
    pub images: Vec<Image>,
    /// Further TOML of the definition.
    pub more: String,
}

/// An image of a release.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its name in the release.
    pub name: &'static str,
    /// Its source, as in a definition.
    pub source: String,
    /// Further TOML of its table.
    pub more: &'static str,
}

/// The connected machine's folder with a key pair, and the programs to pack with.
#[derive(Debug, Clone)]
pub struct Publisher {
    programs: Programs,
    folder: PathBuf,
}

impl Publisher {
    /// A publisher with a new key pair and an empty folder called `name`.
    pub fn new(name: &str) -> Result<Self> {
        let programs = Programs::build()?;
        // Emptied: a file of an earlier run would be packed into this one's release.
        let folder = workspace::fresh_folder(&format!("published/{name}"))?;
        let publisher = Self { programs, folder };
        publisher.bundler()?.args(["keygen", "--out", "landfall"]).ok().context("make a key pair")?;
        Ok(publisher)
    }

    /// A file in the publisher's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The public key that hosts trust.
    pub fn public_key(&self) -> PathBuf {
        self.file("landfall.pub")
    }

    /// Makes a folder of trust roots: the first with the publisher's key alone, the second with one more. Returns it.
    pub fn roots(&self) -> Result<PathBuf> {
        self.bundler()?.args(["keygen", "--out", "second"]).ok()?;
        for words in
            [&["init", "--key", "landfall.pub"], &["add", "--key", "second.pub"], &["sign", "--key", "landfall.key"]]
        {
            self.bundler()?.arg("trust").args(words).ok().with_context(|| format!("trust {}", words[0]))?;
        }
        Ok(self.file("trust"))
    }

    /// The programs.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// A `landfall-bundler` command line in the publisher's folder, with a cache of its own.
    pub fn bundler(&self) -> Result<Command> {
        let command = Command::new(self.programs.bundler()?).current_dir(&self.folder);
        Ok(command.env("XDG_CACHE_HOME", self.folder.join("cache")))
    }

    /// A table of a definition that gets Docker for `system`, the release of Debian with this code name, from the mirror of this machine; without one,
    /// for this machine's own release.
    pub fn docker_packages(&self, system: &str, suite: Option<&str>) -> Result<String> {
        let mirror = Mirror::of_this_machine()?;
        suite.map_or_else(|| mirror.clone(), |suite| mirror.of_suite(suite)).package_table(system, &["docker.io"])
    }

    /// Writes the release's definition, packs and signs it, and returns the bundle.
    pub fn pack(&self, release: &Release) -> Result<PathBuf> {
        let definition = format!("{}.toml", release.version);
        std::fs::write(self.file(&definition), release.definition())?;
        let bundle = self.file(&format!("acme-{}.landfall.tar", release.version));
        self.bundler()?
            .args(["build", &definition, "--key", "landfall.key", "--out"])
            .arg(&bundle)
            .ok()
            .with_context(|| format!("pack release {}", release.version))?;
        Ok(bundle)
    }

    /// Packs a release and puts it on a stick, together with the installer and the public key. Returns the stick, and the
    /// bundle's name on it.
    pub fn deliver(&self, engine: &Arc<Engine>, release: &Release) -> Result<(Stick, String)> {
        let (stick, mut bundles) = self.deliver_all(engine, &[release])?;
        Ok((stick, bundles.remove(0)))
    }

    /// The same with several releases.
    pub fn deliver_all(&self, engine: &Arc<Engine>, releases: &[&Release]) -> Result<(Stick, Vec<String>)> {
        let bundles = releases.iter().map(|release| self.pack(release)).collect::<Result<Vec<_>>>()?;
        let (installer, key) = (self.programs.installer()?, self.public_key());
        let files: Vec<&Path> = bundles.iter().chain([&installer, &key]).map(PathBuf::as_path).collect();
        let stick = Stick::with(engine, STICK_SIZE, &files)?;
        let name = |bundle: &PathBuf| bundle.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((stick, bundles.iter().map(name).collect()))
    }

    /// The smallest tenant: a folder with one static program, made into an image by the bundler.
    pub fn hello(&self) -> Result<Image> {
        self.rootfs("hello", "hello", &self.programs.hello()?, HELLO)
    }

    /// The smallest tenant as the release `version` brings it: an image of its own, which no other release has.
    pub fn hello_of(&self, version: &str) -> Result<Image> {
        let image = self.rootfs("hello", &format!("hello-{version}"), &self.programs.hello()?, HELLO)?;
        // One more file makes it another image.
        std::fs::write(self.file(&format!("hello-{version}/release")), version)?;
        Ok(image)
    }

    /// A tenant that takes its time to answer.
    pub fn slow_tenant(&self) -> Result<Image> {
        self.rootfs("slow", "slow", &self.programs.slow_tenant()?, SLOW)
    }

    /// The smallest tenant, whose health a command tells.
    pub fn checked(&self) -> Result<Image> {
        self.rootfs("checked", "checked", &self.programs.hello()?, CHECKED)
    }

    /// A tenant that cannot run, with which hosts are to try the release.
    pub fn broken_canary(&self) -> Result<Image> {
        self.rootfs("broken", "broken", &self.programs.host_probe()?, BROKEN)
    }

    fn rootfs(&self, name: &'static str, folder: &str, program: &Path, more: &'static str) -> Result<Image> {
        let root = self.file(folder);
        for volume in ["app/data/users", "app/data/db"] {
            let volume = root.join(volume);
            std::fs::create_dir_all(&volume)?;
            // A new volume takes the owner of the image's folder: in root's, the tenant could not write.
            std::os::unix::fs::chown(&volume, Some(TENANT_USER), Some(TENANT_USER))?;
        }
        std::fs::copy(program, root.join(name))?;
        Ok(Image { name, source: format!("rootfs:{}", root.display()), more })
    }
}

impl Release {
    /// A release of our own runtime.
    pub fn new(version: &str, serial: u64, images: &[Image]) -> Self {
        Self { version: version.to_owned(), serial, images: images.to_vec(), more: String::new() }
    }

    /// Its name on a host, `<version>-<serial>`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.version, self.serial)
    }

    fn definition(&self) -> String {
        let (version, serial) = (&self.version, self.serial);
        let mut text = format!("[release]\nproduct = \"acme\"\nversion = \"{version}\"\nserial = {serial}\n");
        text.push_str(&self.more);
        for Image { name, source, more } in &self.images {
            _ = write!(text, "\n[[image]]\nname = \"{name}\"\nsource = \"{source}\"\n{more}");
        }
        text
    }
}
