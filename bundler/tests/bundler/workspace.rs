//! A folder to build in, and the real programs: our own and those that users check bundles with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) const BUNDLER: &str = env!("CARGO_BIN_EXE_landfall-bundler");

/// A small program for this machine's processor, packed in place of the runtime and the installer.
pub(crate) const PROGRAM: &str = "/bin/true";

/// A folder with a key pair `k.key` and `k.pub`, in which commands run.
pub(crate) struct Workspace {
    pub(crate) folder: TempDir,
    /// `XDG_CACHE_HOME`.
    pub(crate) cache: TempDir,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let [folder, cache] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let workspace = Self { folder, cache };
        workspace.ok(&["keygen", "--out", "k"]);
        workspace
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("make folders");
        fs::write(&path, content).expect("write a file");
        path
    }

    /// Writes `acme.toml`: a release with `body`.
    pub(crate) fn define(&self, body: &str) {
        self.define_as("1.0.0", body);
    }

    /// The same without evidence: what says how a bundle was built has the digest of the definition's text.
    pub(crate) fn define_without_evidence(&self, body: &str) {
        self.define(body);
        let text = fs::read_to_string(self.path("acme.toml")).expect("read the definition");
        self.write("acme.toml", text.replace("serial = 1\n", "serial = 1\nevidence = false\n"));
    }

    pub(crate) fn define_as(&self, version: &str, body: &str) {
        let release = format!("[release]\nproduct = \"acme\"\nversion = \"{version}\"\nserial = 1\n");
        let runtime = format!("[runtime]\nbinary = \"{PROGRAM}\"\ninstaller = \"{PROGRAM}\"\n");
        self.write("acme.toml", format!("{release}{runtime}{body}"));
    }

    /// The bundler, run here and without the settings of whoever runs the tests.
    pub(crate) fn bundler(&self) -> Command {
        let mut command = Command::new(BUNDLER);
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.env("XDG_CACHE_HOME", self.cache.path());
        let set = ["SOURCE_DATE_EPOCH", "DOCKER_HOST", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "SSL_CERT_FILE"];
        let set =
            set.into_iter().chain(["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]);
        set.for_each(|name| _ = command.env_remove(name));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.bundler().args(args).output().expect("run the bundler")
    }

    /// Runs the bundler, which must succeed; its standard output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs the bundler, which must succeed; the object that it prints.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(&[args, &["--json"]].concat())).expect("JSON")
    }

    /// Runs the bundler, which must end with `exit`; its error object.
    pub(crate) fn refused(&self, exit: i32, args: &[&str]) -> serde_json::Value {
        let output = self.run(&[args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {text}{errors}");
        let report: serde_json::Value = serde_json::from_str(&text).expect("an error object");
        assert_eq!(report["error"]["exit"], exit);
        report["error"].clone()
    }

    /// Builds `acme.toml` into `out`; the bytes of the bundle.
    pub(crate) fn build(&self, out: &str) -> Vec<u8> {
        self.ok(&["build", "acme.toml", "--key", "k.key", "--out", out]);
        fs::read(self.path(out)).expect("read the bundle")
    }

    /// The release manifest of a bundle, as `inspect` shows it.
    pub(crate) fn release(&self, bundle: &str) -> serde_json::Value {
        let shown: serde_json::Value = serde_json::from_str(&self.ok(&["inspect", bundle, "--json"])).expect("JSON");
        shown["release"].clone()
    }

    /// What lies here, by name: for seeing that nothing is left behind.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("list the folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// A root file system in `name` that compresses to about 3 MB.
    pub(crate) fn rootfs(&self, name: &str) {
        self.write(&format!("{name}/bin/hello"), noise(3_000_000));
        self.write(&format!("{name}/etc/a-name-that-is-long/{}", "n".repeat(120)), "long\n");
        std::os::unix::fs::symlink("bin/hello", self.path(&format!("{name}/hello"))).expect("a link");
        fs::hard_link(self.path(&format!("{name}/bin/hello")), self.path(&format!("{name}/bin/same"))).expect("a link");
    }

    /// Runs another program here; it must be installed, and it must succeed. Its standard output.
    pub(crate) fn tool(&self, program: &str, args: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.folder.path()).env("XDG_CACHE_HOME", self.cache.path());
        let run = command.output();
        let output = run.unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {args:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The sha256 of a file, by coreutils.
pub(crate) fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("this test needs sha256sum");
    String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned()
}

/// Bytes that do not compress, the same ones each time.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}
