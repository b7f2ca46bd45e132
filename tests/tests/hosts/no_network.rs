//! Nothing reaches for a network: each command runs under strace, with all that it starts, and opens no socket but the engine's.
//!
//! `landing` and `update` run the same on hosts that have no network to begin with, where systemd is the second whose socket is
//! opened.

use anyhow::{Result, ensure};
use landfall_keys::SecretKey;
use landfall_tests::{Command, Engine, Publisher, Release, Scratch, SmallRelease, ensure_tools, strace, tell};
use std::path::Path;

/// Runs commands and holds what they do on sockets against what they may.
struct Tracer<'a> {
    log: &'a Path,
    /// The one socket that may be connected to.
    engine: Option<&'a Path>,
}

impl Tracer<'_> {
    /// Runs `command`, which must end with `exit`, and gives the number of its calls that have to do with sockets.
    fn run(&self, command: &Command, exit: i32) -> Result<usize> {
        let calls = strace::network_calls(command, exit, self.log)?;
        for call in &calls {
            ensure!(self.allows(call), "{}: {call}", command.line());
        }
        Ok(calls.len())
    }

    fn allows(&self, call: &str) -> bool {
        let to = |engine: &Path| call.contains(&format!("sun_path=\"{}\"", engine.display()));
        match call.split('(').next().unwrap_or_default() {
            // Two ends in one program, for hearing from a child that it starts: a pair leads nowhere else.
            "socketpair" => call.contains("(AF_UNIX,"),
            "socket" => self.engine.is_some() && call.contains("(AF_UNIX,"),
            "connect" => call.contains("sa_family=AF_UNIX") && self.engine.is_some_and(to),
            "bind" | "listen" | "accept" | "accept4" => false,
            // On descriptors that the calls above made.
            _ => !call.contains("sa_family=AF_INET") && !call.contains("sa_family=AF_NETLINK"),
        }
    }
}

#[test]
fn the_installer_opens_no_socket_where_there_is_no_engine() -> Result<()> {
    ensure_tools()?;
    let (scratch, key) = (Scratch::new()?, SecretKey::generate()?);
    let line = key.public_key().to_line();
    let first = scratch.put("first.tar", &SmallRelease::new("1.0.0", 1)?.pack(&key)?)?;
    let second = scratch.put("second.tar", &SmallRelease::new("1.1.0", 2)?.pack(&key)?)?;
    let damaged = scratch.put("damaged.tar", &SmallRelease::new("1.2.0", 3)?.pack(&key)?[..9000])?;
    let (host, log) = (scratch.host("host")?, scratch.path("log"));
    let tracer = Tracer { log: &log, engine: None };
    let words = |words: &[&str]| host.installer().args(words);
    let steps = [
        (words(&["status"]), 0),
        (host.verify(&first).args(["--trust", &line]), 0),
        (words(&["plan"]).arg(&first).args(["--trust", &line]), 0),
        (host.install(&first, &line), 0),
        (host.update(&damaged), 3),
        (host.update(&second), 0),
        (words(&["status", "--json"]), 0),
        (words(&["rollback", "--yes"]), 0),
        (words(&["receipts", "--verify"]), 0),
        (words(&["trust", "show"]), 0),
        (words(&["recover"]), 0),
        (words(&["uninstall", "--yes"]), 0),
        (words(&["uninstall", "--purge", "--yes"]), 0),
        (words(&["completions", "bash"]), 0),
    ];
    for (command, exit) in &steps {
        tracer.run(command, *exit)?;
    }
    tell(format_args!("network: {} commands of the installer opened no socket", steps.len()));
    Ok(())
}

#[test]
fn the_installer_talks_to_the_engine_and_to_nobody_else() -> Result<()> {
    let (engine, publisher) = (Engine::shared()?, Publisher::new("no-network")?);
    let bundle = publisher.pack(&Release::new("1.0.0", 1, &[publisher.hello()?]))?;
    let (scratch, key) = (Scratch::new()?, std::fs::read_to_string(publisher.public_key())?);
    let (host, log) = (scratch.host("host")?, scratch.path("log"));
    let key = key.lines().last().unwrap_or_default();
    let tracer = Tracer { log: &log, engine: Some(engine.socket()) };
    let command = |words: &[&str]| {
        let installer = Command::new(publisher.programs().installer()?).arg("--root").arg(host.path(""));
        let address = format!("unix://{}", engine.socket().display());
        Ok::<_, anyhow::Error>(installer.args(["--engine", &address, "--no-systemd"]).args(words))
    };
    let mut calls = 0;
    for command in [
        command(&["plan"])?.arg(&bundle).args(["--trust", key]),
        command(&["install", "--yes"])?.arg(&bundle).args(["--trust", key]),
        command(&["status"])?,
        command(&["uninstall", "--purge", "--yes"])?,
    ] {
        calls += tracer.run(&command, 0)?;
    }
    ensure!(calls > 0, "no call at all: the trace is not read right");
    tell(format_args!("network: {calls} calls on sockets, all of them on the engine's"));
    Ok(())
}

#[test]
fn the_bundler_packs_signs_and_checks_without_a_socket() -> Result<()> {
    ensure_tools()?;
    let publisher = Publisher::new("no-network-bundler")?;
    let log = publisher.file("log");
    let tracer = Tracer { log: &log, engine: None };
    let bundle = publisher.pack(&Release::new("1.0.0", 1, &[publisher.hello()?]))?;
    let again = publisher.file("again.landfall.tar");
    let mut steps = Vec::new();
    for words in [
        &["keygen", "--out", "second"][..],
        &["build", "1.0.0.toml", "--key", "landfall.key", "--out", "again.landfall.tar"],
        &["sign", "again.landfall.tar", "--key", "second.key"],
        &["inspect", "again.landfall.tar"],
        &["verify", "again.landfall.tar", "--trust", "second.pub"],
        &["split", "again.landfall.tar", "--size", "1MiB"],
        &["trust", "init", "--key", "landfall.pub"],
        &["trust", "add", "--key", "second.pub"],
        &["trust", "sign", "--key", "landfall.key"],
        &["trust", "show"],
    ] {
        steps.push(publisher.bundler()?.args(words));
    }
    steps.push(publisher.bundler()?.arg("diff").arg(&bundle).arg(&again));
    for command in &steps {
        tracer.run(command, 0)?;
    }
    tell(format_args!("network: {} commands of the bundler opened no socket", steps.len()));
    Ok(())
}
