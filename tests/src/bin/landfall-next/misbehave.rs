//! Faults that show in what the program does, rather than in its migration.

use crate::fake_runtime::{self, Claim};
use crate::release_folder;
use landfall_tests::fault::Fault;
use serde_json::Value;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::exit;
use std::thread::{park, sleep, spawn};
use std::time::Duration;

/// How long a crash loop takes from a start to its end.
const CRASH_AFTER: Duration = Duration::from_secs(2);
/// The largest file system that is filled, in bytes: a test mounts one of its own, and no other is to be harmed.
const LARGEST: u64 = 64 << 20;
/// The folder that the runtime may write to.
const DATABASE: &str = "/var/lib/landfall/db";
/// What the installer records of an update that is committed.
const INSTALLED: &str = "/var/lib/landfall/state/installed.json";

/// Does what is wrong with this release, if it concerns the command that was typed; else returns, also where something
/// goes wrong in the background.
pub(crate) fn as_ordered(faults: &[Fault]) {
    let command = std::env::args().find(|word| ["serve", "migrate", "selfcheck"].contains(&word.as_str()));
    for fault in faults {
        match (command.as_deref(), fault) {
            (Some("serve"), Fault::ExitsAtOnce) | (Some("selfcheck"), Fault::FailsItsSelfcheck) => {
                eprintln!("this release was ordered to fail: {}", fault.word());
                exit(6);
            }
            // The unit's RestartPreventExitStatus: systemd does not start it again.
            (Some("serve"), Fault::MisunderstandsItsSettings) => exit(2),
            (Some("serve"), Fault::HangsBeforeReady) | (Some("migrate"), Fault::HangsInMigrate) => hang(),
            (Some("serve"), Fault::HangsAfterReady) => {
                fake_runtime::ready();
                hang();
            }
            (Some("serve"), Fault::AnswersUnhealthy) => fake_runtime::answer(&Claim::Degraded(own_id())),
            (Some("serve"), Fault::AnswersAsAnother) => fake_runtime::answer(&Claim::Fine("9.9.9-9".to_owned())),
            (Some("serve"), Fault::CrashLoopsOnceCommitted) => drop(spawn(crash_once_committed)),
            (Some("serve"), Fault::FillsTheDisk) => drop(spawn(fill_once_migrated)),
            _ => {}
        }
    }
}

fn hang() -> ! {
    loop {
        park();
    }
}

fn own_id() -> String {
    let folder = release_folder().unwrap_or_default();
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn crash_once_committed() {
    let own = own_id();
    loop {
        sleep(CRASH_AFTER);
        if committed().is_some_and(|id| id == own) {
            eprintln!("this release was ordered to crash, now that it is committed");
            exit(1);
        }
    }
}

/// The release that the installer's record says is current.
fn committed() -> Option<String> {
    let record: Value = serde_json::from_slice(&std::fs::read(INSTALLED).ok()?).ok()?;
    let current = &record["current"];
    Some(format!("{}-{}", current["version"].as_str()?, current["serial"].as_u64()?))
}

fn fill_once_migrated() {
    let snapshot = format!("{DATABASE}/landfall.db.schema-{}", landfall_tests::next::SCHEMA - 1);
    while !Path::new(&snapshot).exists() {
        sleep(Duration::from_millis(20));
    }
    sleep(Duration::from_millis(100));
    if let Err(error) = fill() {
        eprintln!("this release was ordered to fill the disk, and did: {error}");
    }
}

/// Writes until the file system takes no more, byte by byte in the end.
fn fill() -> std::io::Result<()> {
    let about = rustix::fs::statvfs(DATABASE)?;
    if about.f_blocks * about.f_frsize > LARGEST {
        return Err(std::io::Error::other("the file system is no small one of a test's own: left alone"));
    }
    let mut ballast = File::create(Path::new(DATABASE).join("ballast"))?;
    let mut piece = vec![0; 1 << 20];
    while !piece.is_empty() {
        if ballast.write_all(&piece).is_err() {
            piece.truncate(piece.len() / 2);
        }
    }
    ballast.sync_all()
}
