//! The Debian packages that the tests use, installed where they are missing.

use crate::Command;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::sync::Mutex;

/// A program that a test runs, and the Debian package that has it, as `apt-get satisfy` takes it.
const TOOLS: &[(&str, &str)] = &[
    ("curl", "curl"),
    ("docker-registry", "docker-registry"),
    ("dockerd", "docker.io"),
    ("docker", "docker-cli | docker.io"),
    ("gcc", "gcc"),
    ("htpasswd", "apache2-utils"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("jq", "jq"),
    ("make", "make"),
    ("mcopy", "mtools"),
    ("minisign", "minisign"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.vfat", "dosfstools"),
    ("mmdebstrap", "mmdebstrap"),
    ("mount", "mount"),
    ("nft", "nftables"),
    ("openssl", "openssl"),
    ("/usr/lib/python3/dist-packages/jsonschema/__init__.py", "python3-jsonschema"),
    ("skopeo", "skopeo"),
    ("strace", "strace"),
    ("systemd-analyze", "systemd"),
    ("time", "time"),
    ("zstd", "zstd"),
];

/// Looked for apart: where nodejs comes from elsewhere, npm comes with it, and Debian's package would conflict.
const NODE: &[(&str, &str)] = &[("node", "nodejs"), ("npm", "npm")];

/// For kernels that do not know FAT.
const FUSE: &[(&str, &str)] = &[("fusefat", "fusefat")];

/// For machines that can lose power.
const EMULATOR: &[(&str, &str)] =
    &[("mkfs.ext4", "e2fsprogs"), ("qemu-system-x86_64", "qemu-system-x86"), ("setpriv", "util-linux")];

/// For clocks that show another time, also to static programs.
const CLOCK: &[(&str, &str)] = &[("faketime", "faketime"), ("qemu-x86_64", "qemu-user")];

/// A proxy to compare with, and what loads both.
const PROXY: &[(&str, &str)] =
    &[("nginx", "nginx"), ("/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream"), ("wrk", "wrk")];

/// Installs what is missing; does nothing, quickly, where all is there.
pub fn ensure() -> Result<()> {
    install(&[TOOLS, NODE].concat())
}

/// Installs what mounts FAT without the kernel's help.
pub(crate) fn ensure_fuse() -> Result<()> {
    install(FUSE)
}

/// Installs what runs programs at another time.
pub fn ensure_clock() -> Result<()> {
    install(CLOCK)
}

/// Installs a proxy to compare with.
pub fn ensure_proxy() -> Result<()> {
    install(PROXY)
}

/// Installs what emulates a machine.
pub(crate) fn ensure_emulator() -> Result<()> {
    install(EMULATOR)
}

fn install(tools: &[(&str, &str)]) -> Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // Tests run on several threads, and only one apt at a time.
    let _turn = ONE_AT_A_TIME.lock();
    let missing = || tools.iter().filter(|(program, _)| !found(program));
    let packages: Vec<&str> = missing().map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let apt = || Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    apt().args(["update", "-q"]).ok().context("refresh the package lists")?;
    apt()
        .args(["satisfy", "-q", "-y", "--no-install-recommends"])
        .args(&packages)
        .ok()
        .with_context(|| format!("install {}: the tests need root and Debian's packages", packages.join(", ")))?;
    let left: Vec<&str> = missing().map(|(program, _)| *program).collect();
    ensure!(left.is_empty(), "still missing after their packages were installed: {}", left.join(", "));
    Ok(())
}

fn found(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    // Programs for root may lie outside the PATH of whoever runs the tests. Joined to a folder, a whole path stays what it is.
    let folders = path.split(':').chain(["/usr/local/sbin", "/usr/sbin", "/sbin"]);
    folders.into_iter().any(|folder| Path::new(folder).join(program).is_file())
}
