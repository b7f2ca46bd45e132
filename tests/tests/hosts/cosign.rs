//! An image that the real cosign has signed, in a real registry.

use anyhow::{Result, bail, ensure};
use landfall_tests::{Engine, Image, Publisher, Registry, Release, image};

#[test]
fn an_image_that_cosign_has_signed_is_packed_with_the_proof_and_no_other_is() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("cosign")?;
    let registry = Registry::start("cosign")?;
    let pushed = registry.push(&image::stranger(&engine)?)?;
    let release = |version, serial| {
        let image = Image { more: "cosign = \"cosign.pub\"\n", ..pushed.clone() };
        Release::new(version, serial, &[image])
    };
    let tag = image::cosign(&engine)?;
    let folder = format!("{}:/w", publisher.file("").display());
    let cosign = |words: &[&str]| {
        let run =
            ["run", "--rm", "--network=host", "--volume", &folder, "--workdir=/w", "--env=COSIGN_PASSWORD=", &tag];
        engine.docker([&run[..], words].concat()).ok()
    };
    cosign(&["generate-key-pair"])?;
    let refuses = |release: &Release| match publisher.pack(release) {
        Err(error) if format!("{error:#}").contains("has no signature of cosign") => Ok(()),
        other => bail!("it is not refused for want of a signature: {other:?}"),
    };
    refuses(&release("1.0.0", 1))?;

    let reference = pushed.source.trim_start_matches("docker://");
    cosign(&["sign", "--key=cosign.key", "--tlog-upload=false", "--yes", reference])?;
    let bundle = publisher.pack(&release("1.0.0", 1))?;
    let listed = publisher.bundler()?.args(["inspect", "--json"]).arg(&bundle).ok()?;
    ensure!(listed.contains(&format!("evidence/images/{}.cosign.json", pushed.name)), "{listed}");

    // Pushed again, it is another image, and nobody has signed that one: the signed one stays pinned.
    registry.push(&Image { source: image::node_express(&engine)?.source, ..pushed.clone() })?;
    publisher.bundler()?.args(["update", "1.0.0.toml"]).run()?.exits(4)?;
    publisher.pack(&release("1.0.1", 2))?;
    std::fs::remove_file(publisher.file("landfall.lock"))?;
    refuses(&release("1.0.2", 3))
}
