//! The isolated host: systemd as PID 1, a container engine of its own, a loopback interface and nothing else.

use crate::{Command, Engine, Output, Platform, TIMEOUT};
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The engine mounts control groups and the kernel's settings read-only where a container is not privileged; systemd and newer
/// engines need to write.
const START: &str = "for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,rw,bind $folder 2>/dev/null; done; \
                     mount -o remount,rw /proc/sys; exec /sbin/init";

/// What systemd and a Docker Engine may need, in the order of the kernel's numbers (capability.h); those that an older
/// engine does not know are left out.
const CAPABILITIES: [&str; 38] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
];

/// A booted host; removed with all that is on it when dropped.
#[derive(Debug)]
pub struct Host {
    engine: Arc<Engine>,
    platform: Platform,
    name: String,
}

/// A folder of the connected machine that the host sees.
#[derive(Debug, Clone)]
pub struct Mount {
    /// The folder.
    pub source: PathBuf,
    /// Where the host sees it.
    pub at: &'static str,
    /// Whether the host may write to it.
    pub writable: bool,
}

impl Host {
    /// Boots a host that sees `mounts`, and waits until systemd and its engine are up.
    pub fn boot(engine: &Arc<Engine>, mounts: &[Mount]) -> Result<Self> {
        Self::boot_on(Platform::Own, engine, mounts)
    }

    /// As [`Host::boot`], with another system and engine.
    pub fn boot_on(platform: Platform, engine: &Arc<Engine>, mounts: &[Mount]) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let name = format!("isolated-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let image = platform.image(engine)?;
        // Made before the container is: a boot that fails half-way is removed by its drop.
        let host = Self { engine: Arc::clone(engine), platform, name };
        let mut docker = engine
            .docker(["run", "--detach", "--network", "none", "--hostname", "isolated", "--name", &host.name])
            // systemd halts at SIGRTMIN+3 (systemd(1), "Signals").
            .args(["--stop-signal", "SIGRTMIN+3", "--cgroupns", "private"])
            .args(["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"])
            // systemd and the inner engine mount file systems and make namespaces.
            .args(["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"])
            .args(["--device-cgroup-rule", "a *:* rwm"])
            .shown_as(format!(
                "docker run --network none {image} # an isolated host: systemd, its own Docker, only lo"
            ));
        for capability in capabilities()? {
            docker = docker.args(["--cap-add", capability]);
        }
        for (store, volume) in host.stores() {
            docker = docker.args(["--volume", &format!("{volume}:{store}")]);
        }
        for variable in platform.variables() {
            docker = docker.args(["--env", variable]);
        }
        for mount in mounts {
            let access = if mount.writable { "rw" } else { "ro" };
            docker = docker.args(["--volume", &format!("{}:{}:{access}", mount.source.display(), mount.at)]);
        }
        docker.args([&image, "/bin/sh", "-c", START]).ok().context("boot an isolated host")?;
        host.wait()?;
        Ok(host)
    }

    /// Runs a shell command on the host, as root, whatever its exit code.
    pub fn run(&self, command: &str) -> Result<Output> {
        self.shell(command).run()
    }

    /// Runs a shell command on the host and returns its standard output; an exit code other than 0 is an error.
    pub fn ok(&self, command: &str) -> Result<String> {
        self.shell(command).ok()
    }

    /// As [`Host::run`], without showing the command.
    pub fn ask(&self, command: &str) -> Result<Output> {
        self.shell(command).quiet().run()
    }

    /// Shuts the host down and boots it again. What was on its file systems stays, but for `/run` and `/tmp`.
    pub fn reboot(&self) -> Result<()> {
        let shown = "(host) reboot";
        self.engine.docker(["restart", "--time", "60", &self.name]).shown_as(shown).ok().context("reboot the host")?;
        self.wait()
    }

    /// Waits until `command` succeeds on the host, asking ten times a second, and returns how long that took.
    pub fn until(&self, command: &str) -> Result<Duration> {
        let start = Instant::now();
        loop {
            let output = self.ask(command)?;
            if output.code == 0 {
                return Ok(start.elapsed());
            }
            if start.elapsed() > TIMEOUT {
                bail!("on the host, not within {} s: {command}\n{}", TIMEOUT.as_secs(), output.text());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn shell(&self, command: &str) -> Command {
        self.engine
            .docker(["exec", "--interactive", &self.name, "sh", "-c", command])
            .shown_as(format!("(host) {command}"))
    }

    fn wait(&self) -> Result<()> {
        // `is-system-running` fails for a degraded system, and until systemd listens.
        self.until("test \"$(systemctl is-system-running)\" = running || { systemctl --failed; false; }")?;
        self.until(self.platform.is_up())?;
        Ok(())
    }

    /// The folders in which its engine stores what it has, each with the volume that is mounted there.
    fn stores(&self) -> impl Iterator<Item = (&'static str, String)> {
        let stores = self.platform.stores().iter().enumerate();
        stores.map(|(index, store)| (*store, format!("{}-{index}", self.name)))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let outcome = self
            .engine
            // `--volumes` removes volumes without a name only: the engine's is removed after it.
            .docker(["rm", "--force", "--volumes", &self.name])
            .quiet()
            .ok()
            .and_then(|_| {
                let volumes = self.stores().map(|(_, volume)| volume);
                self.engine.docker(["volume", "rm", "--force"]).args(volumes).quiet().ok()
            });
        if let Err(error) = outcome {
            eprintln!("remove the host {}: {error:#}", self.name);
        }
    }
}

/// The capabilities that this process can hand on.
fn capabilities() -> Result<Vec<&'static str>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let bound =
        status.lines().find_map(|line| line.strip_prefix("CapBnd:")).context("/proc/self/status has no CapBnd")?;
    // A bit a capability (proc_pid_status(5)); one that this process lacks cannot be given on.
    let bound = u64::from_str_radix(bound.trim(), 16).context("read CapBnd")?;
    Ok(CAPABILITIES.into_iter().enumerate().filter(|(bit, _)| bound >> bit & 1 == 1).map(|(_, name)| name).collect())
}
