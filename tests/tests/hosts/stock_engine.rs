//! An engine takes the images out of a bundle by itself, without a program of ours.

use anyhow::{Result, ensure};
use landfall_tests::{Engine, Publisher, Release};

#[test]
fn docker_loads_a_bundle_of_gzip_layers_and_runs_its_image() -> Result<()> {
    const NAME: &str = "acme/hello:1.0.0";
    let engine = Engine::shared()?;
    let publisher = Publisher::new("stock-engine")?;
    let release =
        Release { more: "compression = \"gzip\"\n".to_owned(), ..Release::new("1.0.0", 1, &[publisher.hello()?]) };
    let bundle = publisher.pack(&release)?;
    let loaded = engine.docker(["load", "--input"]).arg(&bundle).ok()?;
    ensure!(loaded.contains(NAME), "{loaded}");
    let id = engine.docker(["run", "--detach", "--network", "none", NAME]).ok()?;
    let state = engine.docker(["inspect", "--format", "{{.State.Running}} {{.Config.User}}", id.trim()]).ok()?;
    let logs = engine.docker(["logs", id.trim()]).run()?;
    engine.docker(["rm", "--force", id.trim()]).ok()?;
    engine.docker(["rmi", "--force", NAME]).ok()?;
    ensure!(state.trim() == "true 65532:65532", "{state}: {}{}", logs.stdout, logs.stderr);
    Ok(())
}
