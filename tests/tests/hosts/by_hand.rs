//! A bundle is checked with what every distribution has: tar, minisign, jq, sha256sum and skopeo.

use anyhow::{Result, ensure};
use landfall_tests::{Command, Engine, Image, Publisher, Release, image, workspace};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The steps of the section on checking by hand in docs/security.md, one after the other.
const STEPS: [&str; 5] = [
    "tar -xf \"$BUNDLE\"",
    "minisign -V -p \"$KEY\" -m landfall.json -x landfall.json.$(sed -n '1s/.* //p' \"$KEY\").minisig",
    "diff <(jq -r '.layout[].path, \"blobs/sha256/\" + (.blobs[].digest | ltrimstr(\"sha256:\"))' landfall.json) \
     <(tar -tf \"$BUNDLE\" | grep -vxE 'landfall\\.json(\\.[0-9A-F]{16}\\.minisig)?')",
    "jq -r '.blobs[].digest | ltrimstr(\"sha256:\") | \"\\(.)  blobs/sha256/\\(.)\"' landfall.json | sha256sum --check --quiet",
    "jq -r '.layout[] | \"\\(.digest | ltrimstr(\"sha256:\"))  \\(.path)\"' landfall.json | sha256sum --check --quiet",
];

struct Packed {
    publisher: Publisher,
    bundle: PathBuf,
}

fn packed(name: &str, images: impl FnOnce(&Publisher) -> Result<Vec<Image>>) -> Result<Packed> {
    let publisher = Publisher::new(name)?;
    let images = images(&publisher)?;
    let bundle = publisher.pack(&Release::new("1.0.0", 1, &images))?;
    Ok(Packed { publisher, bundle })
}

fn check(packed: &Packed, bundle: &Path) -> Result<Vec<i32>> {
    let folder = workspace::fresh_folder("by-hand")?;
    let step = |step: &&str| {
        let shell = Command::new("bash").args(["-o", "pipefail", "-c", step]).current_dir(&folder);
        Ok(shell.env("BUNDLE", bundle).env("KEY", packed.publisher.public_key()).run()?.code)
    };
    STEPS.iter().map(step).collect()
}

#[test]
fn the_documents_tell_the_same_steps() -> Result<()> {
    let document = std::fs::read_to_string(workspace::root().join("docs/security.md"))?;
    for step in STEPS {
        ensure!(document.lines().any(|line| line == step), "docs/security.md lacks the line {step}");
    }
    Ok(())
}

#[test]
fn stock_tools_check_a_bundle_and_see_a_changed_byte() -> Result<()> {
    let engine = Engine::shared()?;
    let packed = packed("by-hand", |publisher| Ok(vec![publisher.hello()?, image::stranger(&engine)?]))?;
    let publisher = &packed.publisher;
    publisher.bundler()?.args(["keygen", "--out", "another"]).ok()?;
    publisher.bundler()?.args(["sign", "--key", "another.key"]).arg(&packed.bundle).ok()?;
    ensure!(check(&packed, &packed.bundle)? == [0; 5], "the steps refuse a good bundle with two signatures");

    let damaged = packed.publisher.file("damaged.tar");
    let mut bytes = std::fs::read(&packed.bundle)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes)?;
    let codes = check(&packed, &damaged)?;
    ensure!(codes[1] == 0 && codes[3] != 0, "a changed byte in the middle passes: {codes:?}");

    for image in ["hello", "python-server"] {
        let name = format!("oci-archive:{}:{image}", packed.bundle.display());
        let printed = Command::new("skopeo").args(["inspect", &name]).ok()?;
        let inspected: Value = serde_json::from_str(&printed)?;
        ensure!(inspected["Layers"].as_array().is_some_and(|layers| !layers.is_empty()), "{printed}");
    }
    Ok(())
}

#[test]
fn the_same_inputs_give_the_same_bytes_on_any_number_of_cores() -> Result<()> {
    let packed = packed("twice", |publisher| Ok(vec![publisher.hello()?]))?;
    let again = packed.publisher.file("again.landfall.tar");
    let build = packed
        .publisher
        .bundler()?
        .args(["build", "1.0.0.toml", "--key", "landfall.key", "--no-cache", "--out"])
        .arg(&again);
    build.under("taskset", ["1"]).ok()?;
    ensure!(std::fs::read(&packed.bundle)? == std::fs::read(&again)?, "two builds differ");
    Ok(())
}
