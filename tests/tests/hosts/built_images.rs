//! Images that the bundler builds on a base, without an engine, as an engine runs them.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{Engine, Publisher, image};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// What the image runs: it tells who it is, what was added and what the base has.
const PROGRAM: &str = "#!/bin/sh\n\
    id -u\n\
    stat -c '%u:%g %a' /srv/www /srv/www/index.html /srv/www/mine\n\
    echo \"$GREETING in $PWD with $PATH\"\n\
    readlink /bin /srv/www/link\n\
    stat -c '%u:%g %a' /tmp /usr/bin\n\
    command -v tell\n";

const EXPECTED: &str = "33\n33:44 755\n33:44 644\n33:44 600\n\
    hello in /srv/www with /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
    usr/bin\nindex.html\n\
    0:0 1777\n0:0 755\n\
    /usr/bin/tell\n";

#[test]
fn an_image_on_a_real_base_runs_as_it_was_described() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("built-images")?;
    let write = |name: &str, content: &str, mode: u32| -> Result<()> {
        let path = publisher.file(name);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(&path, content)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        Ok(())
    };
    write("site/index.html", "hello", 0o644)?;
    write("site/mine", "hello", 0o600)?;
    std::os::unix::fs::symlink("index.html", publisher.file("site/link"))?;
    // Through a link of the base, and beside a folder of it that anybody may write to.
    write("tools/bin/tell", PROGRAM, 0o755)?;
    fs::create_dir_all(publisher.file("tools/tmp"))?;
    let base = image::debian_archive(&engine)?;
    let definition = format!(
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\ncompression = \"gzip\"\n\
         [[image]]\nname = \"site\"\nfrom = \"docker-archive:{}\"\n\
         add = [{{ source = \"site\", path = \"/srv/www\", owner = \"33:44\" }}, {{ source = \"tools\", path = \"/\" }}]\n\
         user = \"33:44\"\nentrypoint = [\"/bin/tell\"]\nenv = {{ GREETING = \"hello\" }}\nworkdir = \"/srv/www\"\n\
         ports = [\"8080\"]\nlabels = {{ vendor = \"Acme\" }}\nstop_signal = \"SIGQUIT\"\nvolumes = [\"/data\"]\n",
        base.display()
    );
    fs::write(publisher.file("site.toml"), definition)?;
    let build = |out: &str| -> Result<Vec<u8>> {
        publisher.bundler()?.args(["build", "site.toml", "--key", "landfall.key", "--out", out]).ok()?;
        Ok(fs::read(publisher.file(out))?)
    };
    ensure!(build("one.tar")? == build("two.tar")?, "two builds give two bundles");

    let loaded = engine.docker(["load", "--input"]).arg(publisher.file("one.tar")).ok()?;
    ensure!(loaded.contains("acme/site:1.0.0"), "{loaded}");
    let told = engine.docker(["run", "--rm", "--network", "none", "acme/site:1.0.0"]).ok()?;
    ensure!(told == EXPECTED, "{told}");
    let format = "{{.Config.StopSignal}} {{.Config.Labels.vendor}} {{.Config.ExposedPorts}} {{.Config.Volumes}}";
    let shown = engine.docker(["image", "inspect", "--format", format, "acme/site:1.0.0"]).ok()?;
    ensure!(shown.trim() == "SIGQUIT Acme map[8080/tcp:{}] map[/data:{}]", "{shown}");
    let history = engine.docker(["history", "--no-trunc", "acme/site:1.0.0"]).ok()?;
    ensure!(history.contains("landfall-bundler"), "{history}");
    engine.docker(["image", "rm", "acme/site:1.0.0"]).quiet().ok()?;
    Ok(())
}
