//! The container images of the tests, made by `mmdebstrap` and `docker build`, as people make theirs. The engine keeps
//! them: each is named after a hash of its recipe, and built once.

use crate::{Command, Engine, mirror::Mirror, workspace};
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What no tenant needs of a Debian package.
const SLIM: [&str; 5] = [
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
    // The machine that builds may lose power: the image is then built again.
    "force-unsafe-io",
];

/// A minimal Debian root without documentation, of this machine's own release.
pub fn debian(engine: &Engine) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mirror = Mirror::of_this_machine()?;
    let tag = named("debian", &[&mirror.sources.concat(), &SLIM.concat()]);
    if engine.has_image(&tag)? {
        return Ok(tag);
    }
    let tar = workspace::folder("cache")?.join("debian.tar");
    let slim = SLIM.map(|option| format!("--dpkgopt={option}"));
    Command::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase", "--mode=root"])
        .args(
            proxies()
                .iter()
                .map(|(name, value)| format!("--aptopt=Acquire::{}::Proxy \"{value}\"", &name[..name.len() - 6])),
        )
        .args(slim)
        .arg(&mirror.suite)
        .arg(&tar)
        .args(&mirror.sources)
        .shown_as(format!("mmdebstrap --variant=minbase {} debian.tar", mirror.suite))
        .ok()
        .context("make a Debian root")?;
    engine.docker(["import".as_ref(), tar.as_os_str(), tag.as_ref()]).ok().context("import the Debian root")?;
    std::fs::remove_file(&tar)?;
    Ok(tag)
}

/// The isolated host: systemd, a Docker Engine, firewall tools and curl.
pub fn isolated_host(engine: &Engine) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    built(engine, &TURN, "isolated-host", &workspace::root().join("tests/images/isolated-host"))
}

/// An image that shares several layers with no thought for Landfall: Debian, certificates, Python's own web server.
pub fn python_server(engine: &Engine) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    built(engine, &TURN, "python-server", &workspace::root().join("tests/images/python-server"))
}

/// Builds `folder` on the Debian root, unless the engine has it.
fn built(engine: &Engine, turn: &Mutex<()>, name: &str, folder: &Path) -> Result<String> {
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let base = debian(engine)?;
    let recipe = folder.join("Dockerfile");
    let recipe = std::fs::read_to_string(&recipe).with_context(|| format!("read {}", recipe.display()))?;
    let tag = named(name, &[&base, &recipe]);
    if engine.has_image(&tag)? {
        return Ok(tag);
    }
    let settings = proxies().into_iter().map(|(name, value)| format!("{name}={value}"));
    engine
        .docker(["build", "--quiet", "--network", "host", "--tag", &tag, "--build-arg", &format!("BASE={base}")])
        .args(settings.flat_map(|setting| ["--build-arg".to_owned(), setting]))
        .arg(folder)
        .ok()
        .with_context(|| format!("build the image {name}"))?;
    Ok(tag)
}

fn named(name: &str, recipe: &[&str]) -> String {
    let hash = hex::encode(Sha256::digest(recipe.join("\n")));
    format!("landfall-testbed/{name}:{}", &hash[..12])
}

/// The proxies that apt goes through on this machine, named as other programs know them.
fn proxies() -> Vec<(&'static str, String)> {
    let ask = "eval $(apt-config shell http Acquire::http::Proxy https Acquire::https::Proxy); echo \"$http\"; echo \"$https\"";
    let said = Command::new("sh").args(["-c", ask]).quiet().ok().unwrap_or_default();
    let named = ["http_proxy", "https_proxy"].into_iter().zip(said.lines().map(str::to_owned));
    named.filter(|(_, value)| !value.is_empty()).collect()
}
