//! The connected side: `build` against zstd and skopeo, `verify` against sha256sum.

use crate::measure::{peak_memory, seconds};
use crate::table::{Row, in_turn};
use crate::{Bench, against, at_most};
use anyhow::Result;
use landfall_tests::{Command, Image, Registry, Release, image};
use std::path::Path;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let bundle = bench.publisher.pack(&bench.release)?;
    let compressed = bench.publisher.file("large.zst");
    let compress =
        || Command::new("zstd").args(["-3", "-T0", "-q", "-f"]).arg(&bench.archive).arg("-o").arg(&compressed);
    let verify = || -> Result<Command> {
        let command = Command::new(bench.publisher.programs().installer()?).arg("verify").arg(&bundle);
        Ok(command.arg("--trust").arg(bench.publisher.public_key()))
    };
    let hash = || Command::new("sha256sum").arg(&bundle);

    let building = in_turn(|| cold(bench, "1.0.0", &bundle), || seconds(compress()))?;
    let verifying = in_turn(|| seconds(verify()?), || seconds(hash()))?;
    std::fs::remove_file(&compressed)?;
    let verify_memory = peak_memory(verify()?)?;
    forget(bench, &bundle)?;
    let mut rows = vec![
        against("`build` of a 600 MB docker-archive", "`zstd -3 -T0` of the archive", [1.15, 1.45], building),
        against("`verify` of the bundle", "`sha256sum` of the bundle", [0.8, 0.8], verifying),
        at_most("memory of `build`", "MiB", 64.0, peak_memory(build(bench, "1.0.0", &bundle)?)?),
        at_most("memory of `verify`", "MiB", 64.0, verify_memory),
    ];
    rows.extend(of_gzip_layers(bench)?);
    rows.extend(from_a_registry(bench)?);
    Ok(rows)
}

/// How long a first build takes: nothing of an earlier one is there.
fn cold(bench: &Bench, version: &str, bundle: &Path) -> Result<f64> {
    forget(bench, bundle)?;
    seconds(build(bench, version, bundle)?)
}

/// Removes what an earlier build has left: the cache, the lock file and the bundle.
fn forget(bench: &Bench, bundle: &Path) -> Result<()> {
    let cache = bench.publisher.file("cache");
    if cache.exists() {
        std::fs::remove_dir_all(cache)?;
    }
    for file in [bundle, &bench.publisher.file("landfall.lock")] {
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn build(bench: &Bench, version: &str, bundle: &Path) -> Result<Command> {
    let command = bench.publisher.bundler()?.arg("build").arg(format!("{version}.toml"));
    Ok(command.args(["--key", "landfall.key", "--out"]).arg(bundle))
}

/// Layers as registries have them, which both sides keep byte for byte and check against their diffIDs.
fn of_gzip_layers(bench: &Bench) -> Result<Vec<Row>> {
    let [layers, copy] = ["layers.oci.tar", "copy.oci.tar"].map(|name| bench.publisher.file(name));
    let [from, to] = [&layers, &copy].map(|file| format!("oci-archive:{}:large", file.display()));
    let copied = |from: &str, to: &str| Command::new("skopeo").args(["copy", "--quiet", from, to]);
    copied(&format!("docker-archive:{}", bench.archive.display()), &from).ok()?;
    let release = Release::new("1.0.1", 2, &[Image { name: "large", source: from.clone(), more: "" }]);
    let bundle = bench.publisher.pack(&release)?;
    let skopeo = || {
        // It adds to an archive that is there.
        let _ = std::fs::remove_file(&copy);
        seconds(copied(&from, &to))
    };
    let building = in_turn(|| cold(bench, "1.0.1", &bundle), skopeo)?;
    forget(bench, &bundle)?;
    let memory = peak_memory(build(bench, "1.0.1", &bundle)?)?;
    for file in [layers, copy, bundle] {
        std::fs::remove_file(file)?;
    }
    Ok(vec![
        against("`build` of its gzip layers", "`skopeo copy` to `oci-archive:`", [0.5, 1.5], building),
        at_most("memory of that `build`", "MiB", 64.0, memory),
    ])
}

/// Three images on one base. Only ours are checked against their diffIDs, and in one bundle.
fn from_a_registry(bench: &Bench) -> Result<Vec<Row>> {
    let registry = Registry::start("bench")?;
    let large = Image { name: "large", source: format!("docker-archive:{}", bench.archive.display()), more: "" };
    let images = [large, image::node_express(&bench.engine)?, image::stranger(&bench.engine)?];
    let images = images.iter().map(|image| registry.push(image)).collect::<Result<Vec<_>>>()?;
    let bundle = bench.publisher.pack(&Release::new("1.0.2", 3, &images))?;
    let copies: Vec<_> = images.iter().map(|image| bench.publisher.file(&format!("{}.oci.tar", image.name))).collect();
    let skopeo = || {
        let mut took = 0.0;
        for (image, copy) in images.iter().zip(&copies) {
            // It adds to an archive that is there.
            let _ = std::fs::remove_file(copy);
            let to = format!("oci-archive:{}:{}", copy.display(), image.name);
            took += seconds(Command::new("skopeo").args([
                "copy",
                "--quiet",
                "--src-tls-verify=false",
                &image.source,
                &to,
            ]))?;
        }
        Ok(took)
    };
    let elsewhere = || {
        std::fs::remove_file(&bundle)?;
        seconds(build(bench, "1.0.2", &bundle)?)
    };
    let building = in_turn(|| cold(bench, "1.0.2", &bundle), skopeo)?;
    let again = in_turn(elsewhere, skopeo)?;
    let unchanged = in_turn(|| seconds(build(bench, "1.0.2", &bundle)?), skopeo)?;
    forget(bench, &bundle)?;
    let memory = peak_memory(build(bench, "1.0.2", &bundle)?)?;
    for file in copies.iter().chain([&bundle]) {
        std::fs::remove_file(file)?;
    }
    Ok(vec![
        against(
            "`build` of three images of a registry",
            "`skopeo copy` of the three to `oci-archive:`",
            [0.5, 1.2],
            building,
        ),
        against("a second `build` of them, to another file", "`skopeo copy` of the three", [0.1, 0.6], again),
        against("a second `build` of them, where nothing changed", "`skopeo copy` of the three", [0.1, 0.3], unchanged),
        at_most("memory of that `build`", "MiB", 64.0, memory),
    ])
}
