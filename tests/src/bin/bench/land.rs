//! The isolated side: `install` against `docker load` of the same images.

use crate::measure::{mebibytes, seconds_on};
use crate::table::{Limit, ROUNDS, Row, median};
use crate::{Bench, against, at_most};
use anyhow::{Context as _, Result};
use landfall_tests::{Host, Image, Mount, Release, image, workspace};
use std::path::{Path, PathBuf};

/// Where the host sees what lies on the medium.
const AT: &str = "/media/medium";
/// What the load step alone shall take, and may take, times `docker load`.
const LOAD: [f64; 2] = [1.05, 1.5];
/// Images that share a base.
const ON_ONE_BASE: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/// The medium is a plain folder: both sides read it at the disk's speed.
pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let folder = workspace::fresh_folder("medium")?;
    let programs = bench.publisher.programs();
    let images = image::on_one_base(&bench.engine, &ON_ONE_BASE)?;
    for (file, name) in [
        (bench.publisher.pack(&bench.release)?, "bundle.tar"),
        (of_images(bench, &images)?, "ten.tar"),
        (bench.publisher.public_key(), "landfall.pub"),
        (programs.installer()?, "landfall-installer"),
    ] {
        std::fs::copy(&file, folder.join(name)).with_context(|| format!("copy {}", file.display()))?;
    }
    for (archives, name) in [(std::slice::from_ref(&bench.archive), "large"), (&images, "images")] {
        link(archives, &folder.join(name))?;
    }
    let host = Host::boot(&bench.engine, &[Mount { source: folder.clone(), at: AT, writable: false }])?;
    let one = landing(&host, "bundle.tar", "large")?;
    let ten = landing(&host, "ten.tar", "images")?;
    let memory = memory_of(&host, &install("bundle.tar"))?;
    drop(host);
    std::fs::remove_dir_all(&folder)?;
    // Units, services and the wait for health take as long with a large image as with a small one.
    let whole = |what, against, landing: &Landing| Row {
        what,
        against,
        unit: "s",
        ours: landing.whole,
        limit: Limit::Times { alternative: landing.theirs, factor: 1.3, fixed: 2.5, goal: 1.05 },
    };
    Ok(vec![
        whole("`install`, engine load and self-check included", "`docker load` of the same image", &one),
        against("its load step alone", "`docker load` of the same image", LOAD, (one.load, one.theirs)),
        whole("`install` of ten images on one base", "`docker load` of each of the ten", &ten),
        against("its load step alone", "`docker load` of each of the ten", LOAD, (ten.load, ten.theirs)),
        at_most("memory of `install`", "MiB", 64.0, memory),
    ])
}

/// The bundle of a release with these images, and one that can be a tenant for the self-check.
fn of_images(bench: &Bench, archives: &[PathBuf]) -> Result<PathBuf> {
    let image = |(name, archive): (&&'static str, &PathBuf)| Image {
        name,
        source: format!("docker-archive:{}", archive.display()),
        more: "",
    };
    let mut images: Vec<Image> = ON_ONE_BASE.iter().zip(archives).map(image).collect();
    images.push(bench.publisher.hello()?);
    bench.publisher.pack(&Release::new("1.0.2", 3, &images))
}

/// Puts archives into a folder of their own without copying them.
fn link(archives: &[PathBuf], folder: &Path) -> Result<()> {
    std::fs::create_dir(folder)?;
    for archive in archives {
        let name = archive.file_name().context("an archive without a name")?;
        std::fs::hard_link(archive, folder.join(name)).with_context(|| format!("link {}", archive.display()))?;
    }
    Ok(())
}

/// The seconds that an installation takes, those of its load step, and those of `docker load`.
struct Landing {
    whole: f64,
    load: f64,
    theirs: f64,
}

/// Installs a bundle, and loads the archives of a folder, in turn.
fn landing(host: &Host, bundle: &str, archives: &str) -> Result<Landing> {
    let (mut whole, mut load, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    // The steps are told as they begin.
    let timed = format!(
        "{{ {} --verbose 2>&1 || echo failed; }} | while read -r line; do echo \"$line\"; case $line in \
         'step: Load') began=$(date +%s%N);; 'step: Unfold') echo $(($(date +%s%N) - began)) >/run/load;; \
         failed) exit 1;; esac; done",
        install(bundle)
    );
    for _ in 0..ROUNDS {
        whole.push(seconds_on(host, &timed)?);
        let nanoseconds: f64 = host.ask("cat /run/load && rm /run/load")?.ok()?.stdout.trim().parse()?;
        load.push(nanoseconds / 1e9);
        // Synced, so that what one side has not written yet does not slow the other's turn.
        host.ok("landfall-installer uninstall --purge --yes && sync")?;
        let each = format!("for archive in {AT}/{archives}/*; do docker load --quiet --input $archive || exit 1; done");
        theirs.push(seconds_on(host, &each)?);
        host.ok("docker image ls --quiet | xargs docker image rm --force && sync")?;
    }
    Ok(Landing { whole: median(whole), load: median(load), theirs: median(theirs) })
}

fn install(bundle: &str) -> String {
    format!("{AT}/landfall-installer install {AT}/{bundle} --trust {AT}/landfall.pub")
}

/// The peak of the resident set, asked of the kernel again and again while the command runs: the host has no time(1).
fn memory_of(host: &Host, command: &str) -> Result<f64> {
    let watch = "peak=0; while now=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$!/status 2>/dev/null) && \
                 test -n \"$now\"; do peak=$now; sleep 0.02; done; wait $! && echo $peak";
    let output = host.ask(&format!("{command} >/dev/null 2>&1 & {watch}"))?.ok()?;
    mebibytes(&output.stdout)
}
