//! The clock decides nothing: the same bundles get the same verdicts in 1970, past the last second of 32 bits, in 2100, and
//! while the clock runs backwards.
//!
//! The programs are static, so that no preloaded library reaches them. They run under qemu's emulation of user programs, whose
//! own looks at the clock libfaketime answers; the years in the hosts' records show that it does.

use anyhow::{Context as _, Result, ensure};
use landfall_keys::SecretKey;
use landfall_manifests::Arch;
use landfall_tests::{Command, FolderHost, JsonOutcome, Scratch, SmallRelease, ensure_clock_tools, tell};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// libfaketime's setting, and how the time in the host's record then begins.
const CLOCKS: [(&str, &str); 5] = [
    ("@1970-01-01 00:00:10", "1970-01-01"),
    ("@2038-01-19 03:14:08", "2038-01-19"),
    ("@2100-01-01 00:00:00", "2100-01-01"),
    // Each look at the clock is an hour before the last one.
    ("@2030-06-01 00:00:00 i-3600", "2030-05"),
    ("@1970-01-01 00:00:10 i-3600", "19"),
];

/// A host as a bundle finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum HostSetup {
    Bare,
    /// The first release is installed.
    First,
    /// And updated to the second.
    Second,
}

/// A bundle, what is done with it, and how that ends, whatever the time.
type Case = (&'static str, HostSetup, &'static str, i32, &'static str);

const CASES: [Case; 15] = [
    ("first", HostSetup::Bare, "verify", 0, ""),
    ("first", HostSetup::Bare, "install", 0, ""),
    ("second", HostSetup::First, "update", 0, ""),
    ("third", HostSetup::Second, "update", 0, ""),
    ("damaged", HostSetup::Bare, "verify", 3, "damaged"),
    ("damaged", HostSetup::Bare, "install", 3, "damaged"),
    ("damaged", HostSetup::First, "update", 3, "damaged"),
    ("truncated", HostSetup::Bare, "install", 3, "damaged"),
    ("longer", HostSetup::Bare, "install", 3, "damaged"),
    ("stranger's", HostSetup::Bare, "install", 4, "untrusted"),
    ("stranger's", HostSetup::First, "update", 4, "untrusted"),
    ("other processor's", HostSetup::First, "update", 5, "platform"),
    ("other product's", HostSetup::First, "update", 5, "product"),
    ("first", HostSetup::Second, "update", 5, "downgrade"),
    ("third", HostSetup::First, "update", 5, "upgrade_path"),
];

struct Bundles {
    scratch: Scratch,
    key: String,
    files: BTreeMap<&'static str, PathBuf>,
}

impl Bundles {
    fn new() -> Result<Self> {
        let (scratch, key, stranger) = (Scratch::new()?, SecretKey::generate()?, SecretKey::generate()?);
        let mut second = SmallRelease::new("1.1.0", 2)?;
        // A release from the future, or the past.
        second.release.created = Some("2026-11-22T00:00:00Z".to_owned());
        let (mut third, mut processor, mut product) = (second.clone(), second.clone(), second.clone());
        (third.release.version, third.release.serial) = ("1.2.0".parse()?, 3.try_into()?);
        third.release.min_upgrade_from = Some("1.1.0".parse()?);
        processor.release.arch = if second.release.arch == Arch::Amd64 { Arch::Arm64 } else { Arch::Amd64 };
        let platform = processor.release.platform();
        processor.release.images.iter_mut().for_each(|image| image.platform.clone_from(&platform));
        product.release.product = "other".parse()?;
        let good = second.pack(&key)?;
        let mut damaged = good.clone();
        let last = damaged.len() - 1024 - 512;
        damaged[last] ^= 1;
        let mut files = BTreeMap::new();
        for (name, bytes) in [
            ("first", SmallRelease::new("1.0.0", 1)?.pack(&key)?),
            ("truncated", good[..good.len() - 1].to_vec()),
            ("longer", [good.as_slice(), &[0]].concat()),
            ("second", good),
            ("third", third.pack(&key)?),
            ("damaged", damaged),
            ("stranger's", second.pack(&stranger)?),
            ("other processor's", processor.pack(&key)?),
            ("other product's", product.pack(&key)?),
        ] {
            files.insert(name, scratch.put(name, &bytes)?);
        }
        Ok(Self { scratch, key: key.public_key().to_line(), files })
    }

    /// Hosts of each kind, made by the machine's own clock.
    fn hosts(&self) -> Result<BTreeMap<HostSetup, FolderHost>> {
        let bare = self.scratch.host("bare")?;
        let first = bare.copied_to(&self.scratch.path("installed"))?;
        first.install(&self.files["first"], &self.key).ok()?;
        let second = first.copied_to(&self.scratch.path("updated"))?;
        second.update(&self.files["second"]).ok()?;
        Ok([(HostSetup::Bare, bare), (HostSetup::First, first), (HostSetup::Second, second)].into())
    }

    fn command(&self, host: &FolderHost, bundle: &str, command: &str) -> Command {
        let bundle = &self.files[bundle];
        match command {
            "verify" => host.verify(bundle).args(["--trust", &self.key]),
            "install" => host.install(bundle, &self.key),
            _ => host.update(bundle),
        }
    }
}

/// The command at another time.
fn at(clock: &str, command: Command) -> Command {
    let emulator = format!("qemu-{}", std::env::consts::ARCH);
    let clocked = command.under("faketime", ["-f", clock, &emulator]);
    // The kernel's other clock never goes back.
    clocked.env("TZ", "UTC").env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

/// When the release that runs was installed, as the host recorded it.
fn recorded(host: &FolderHost) -> Result<String> {
    let record = std::fs::read(host.path("var/lib/landfall/state/installed.json"))?;
    let record: Value = serde_json::from_slice(&record)?;
    Ok(record["current"]["installed"].as_str().context("no time in the record")?.to_owned())
}

#[test]
fn verdicts_are_the_same_at_any_time_and_while_the_clock_runs_backwards() -> Result<()> {
    ensure_clock_tools()?;
    let bundles = Bundles::new()?;
    let hosts = bundles.hosts()?;
    let run = |case: &Case, clock: Option<(&str, &str)>| {
        let (bundle, setup, word, exit, code) = *case;
        let host = hosts[&setup].copied_to(&bundles.scratch.path("host"))?;
        let before = host.snapshot()?;
        let command = bundles.command(&host, bundle, word);
        let outcome = JsonOutcome::of(clock.map_or_else(|| command.clone(), |(clock, _)| at(clock, command.clone())))?;
        ensure!((outcome.exit, outcome.code.as_str()) == (exit, code), "{word} {bundle}, {clock:?}: {outcome:?}");
        if exit != 0 || word == "verify" {
            let difference = before.difference(&host.snapshot()?);
            ensure!(difference.is_empty(), "{word} {bundle}, {clock:?}: {difference}");
        } else if let Some((_, begins)) = clock {
            let recorded = recorded(&host)?;
            ensure!(recorded.starts_with(begins), "{word} {bundle}: the clock was not {begins} but {recorded}");
        }
        Ok(outcome)
    };
    for case in &CASES {
        let now = run(case, None)?;
        for clock in CLOCKS {
            let then = run(case, Some(clock))?;
            ensure!(then == now, "{case:?} at {clock:?}: {then:?}, and now {now:?}");
        }
    }
    tell(format_args!("clock: {} verdicts, each the same at {} times", CASES.len(), CLOCKS.len() + 1));
    Ok(())
}

/// What was installed in 2100 is updated, rolled back, recovered and taken off in 1970.
#[test]
fn a_host_whose_clock_is_reset_goes_on() -> Result<()> {
    ensure_clock_tools()?;
    let bundles = Bundles::new()?;
    let host = bundles.scratch.host("host")?;
    let (late, early) = (CLOCKS[2].0, CLOCKS[0].0);
    at(late, bundles.command(&host, "first", "install")).ok()?;
    ensure!(recorded(&host)?.starts_with("2100-"), "the clock was not 2100");
    at(early, bundles.command(&host, "second", "update")).ok()?;
    ensure!(recorded(&host)?.starts_with("1970-"), "the clock was not 1970");
    for words in [&["status"][..], &["recover"], &["rollback", "--yes"], &["uninstall", "--purge", "--yes"]] {
        at(early, host.installer().args(words)).ok()?;
    }
    Ok(())
}
