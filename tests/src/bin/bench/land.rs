//! The isolated side: `install` against `docker load` of the same images.

use crate::measure::{mebibytes, seconds_on};
use crate::table::{Limit, Row, in_turn};
use crate::{Bench, at_most};
use anyhow::{Context as _, Result};
use landfall_tests::{Host, Mount, workspace};

/// Where the host sees what lies on the medium.
const AT: &str = "/media/medium";

/// The medium is a plain folder: both sides read it at the disk's speed.
pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let folder = workspace::fresh_folder("medium")?;
    let programs = bench.publisher.programs();
    for (file, name) in [
        (bench.bundle(), "bundle.tar"),
        (bench.archive.clone(), "large.tar"),
        (bench.publisher.public_key(), "landfall.pub"),
        (programs.installer()?, "landfall-installer"),
    ] {
        std::fs::copy(&file, folder.join(name)).with_context(|| format!("copy {}", file.display()))?;
    }
    let host = Host::boot(&bench.engine, &[Mount { source: folder.clone(), at: AT, writable: false }])?;
    let install = format!("{AT}/landfall-installer install {AT}/bundle.tar --trust {AT}/landfall.pub");
    let landing = in_turn(
        || {
            let took = seconds_on(&host, &install)?;
            // Synced, so that what one side has not written yet does not slow the other's turn.
            host.ok("landfall-installer uninstall --purge --yes && sync")?;
            Ok(took)
        },
        || {
            let took = seconds_on(&host, &format!("docker load --quiet --input {AT}/large.tar"))?;
            host.ok("docker image ls --quiet | xargs docker image rm --force && sync")?;
            Ok(took)
        },
    )?;
    let memory = memory_of(&host, &install)?;
    drop(host);
    std::fs::remove_dir_all(&folder)?;
    // Units, services and the wait for health take as long with a large image as with a small one.
    let limit = Limit::Times { alternative: landing.1, factor: 1.3, fixed: 2.5, goal: 1.05 };
    Ok(vec![
        Row {
            what: "`install`, engine load and self-check included",
            against: "`docker load` of the same image",
            unit: "s",
            ours: landing.0,
            limit,
        },
        at_most("memory of `install`", "MiB", 64.0, memory),
    ])
}

/// The peak of the resident set, asked of the kernel again and again while the command runs: the host has no time(1).
fn memory_of(host: &Host, command: &str) -> Result<f64> {
    let watch = "peak=0; while now=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$!/status 2>/dev/null) && \
                 test -n \"$now\"; do peak=$now; sleep 0.02; done; wait $! && echo $peak";
    let output = host.ask(&format!("{command} >/dev/null 2>&1 & {watch}"))?.ok()?;
    mebibytes(&output.stdout)
}
