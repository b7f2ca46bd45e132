//! A Docker Engine of the tests' own: the connected machine's. The machine's Docker, if it has one, is not touched.

use crate::{Command, TIMEOUT, tools, workspace};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// The longest path of the testbed's folder: containerd's sockets lie under it, and a socket's path ends at 107 bytes
/// (unix(7)).
const LONGEST_FOLDER: usize = 60;

/// Runs the daemon for as long as its own standard input is open, then removes everything that it made. So nothing is left behind
/// even when the process that started it is killed.
const CLEANUP: &str = r#"
clean_up() {
    containers=$(docker ps --quiet --all)
    test -z "$containers" || docker rm --force --volumes $containers
    volumes=$(docker volume ls --quiet)
    test -z "$volumes" || docker volume rm --force $volumes
    for stick in "$2"/*/; do umount "$stick" && rm -r "${stick%/}" "${stick%/}.img"; done
}
exec 9>"$1.lock" && flock 9
dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" --host "unix://$1/docker.sock" \
    --bridge=none --iptables=false --ip6tables=false </dev/null >"$1/log" 2>&1 9>&- &
engine=$!
cat >/dev/null
clean_up "$@"
kill $engine && wait $engine
umount "$1"/exec/netns/*
"#;

/// A running daemon; stopped, with all of its containers and volumes removed, when dropped. Its images stay, as a cache.
#[derive(Debug)]
pub struct Engine {
    socket: PathBuf,
    cleanup: Child,
    _turn: File,
}

impl Engine {
    /// The process's engine: started by the first who asks, stopped after the last.
    pub fn shared() -> Result<Arc<Self>> {
        // Weak: statics are never dropped, and the last user's drop has to stop the engine.
        static SHARED: Mutex<Weak<Engine>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = shared.upgrade() {
            return Ok(engine);
        }
        let engine = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&engine);
        Ok(engine)
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Starts the engine, once no other process has one in this working tree.
    fn start() -> Result<Self> {
        tools::ensure()?;
        // flock(2): released by the kernel when this process ends, however it does.
        let turn = File::create(workspace::folder("")?.join("lock"))?;
        turn.lock().context("wait for the other test runs in this working tree")?;
        let folder = workspace::folder("engine")?;
        let length = folder.as_os_str().len();
        ensure!(
            length <= LONGEST_FOLDER,
            "{}: {length} bytes, {LONGEST_FOLDER} at most: clone to a shorter path",
            folder.display()
        );
        // The cleanup process of a test run that was killed may still be putting things away.
        File::create(folder.with_extension("lock"))?.lock().context("wait for the last engine's cleanup process")?;
        let socket = folder.join("docker.sock");
        let cleanup = std::process::Command::new("sh")
            .args(["-c", CLEANUP, "cleanup"])
            .args([&folder, &workspace::folder("sticks")?])
            .env("DOCKER_HOST", format!("unix://{}", socket.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // In a group of its own, so that Ctrl-C on the terminal does not end it first.
            .process_group(0)
            .spawn()
            .context("start the engine's cleanup process")?;
        let engine = Self { socket, cleanup, _turn: turn };
        engine.wait()?;
        Ok(engine)
    }

    /// What `DOCKER_HOST` must be to reach this engine.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// A `docker` command line on this engine.
    pub fn docker<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, words: I) -> Command {
        // Classic builds: the engine that Debian ships has no other builder for a client without plugins.
        Command::new("docker").env("DOCKER_HOST", self.address()).env("DOCKER_BUILDKIT", "0").args(words)
    }

    /// Whether the engine has an image of this name.
    pub fn has_image(&self, name: &str) -> Result<bool> {
        Ok(self.docker(["image", "inspect", name]).quiet().run()?.code == 0)
    }

    fn wait(&self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            if self.docker(["version"]).quiet().run()?.code == 0 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = workspace::testbed().join("engine/log");
        let printed = std::fs::read_to_string(&log).unwrap_or_default();
        let tail: Vec<&str> = printed.lines().rev().take(10).collect();
        bail!(
            "the engine does not answer after {} s; {} ends, latest first, with\n{}",
            TIMEOUT.as_secs(),
            log.display(),
            tail.join("\n")
        );
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The end of its input is the request to stop, which a killed process makes as well.
        drop(self.cleanup.stdin.take());
        if let Err(error) = self.cleanup.wait() {
            eprintln!("the engine's cleanup process: {error}");
        }
    }
}
