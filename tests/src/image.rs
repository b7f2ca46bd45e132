//! The container images of the tests, made by `mmdebstrap` and `docker build`, as people make theirs. The engine keeps
//! them: each is named after a hash of its recipe, and built once.

use crate::{Command, Engine, Image, mirror::Mirror, workspace};
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
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

/// The tenant image `node-express`, as a docker-archive.
pub fn node_express(engine: &Engine) -> Result<Image> {
    static TURN: Mutex<()> = Mutex::new(());
    let tag = built(engine, &TURN, "node-express", &workspace::root().join("tenants"))?;
    Ok(Image {
        name: "node-express",
        source: format!("docker-archive:{}", saved(engine, &tag)?.display()),
        more: "tenant = { language = \"node\", framework = \"express\", port = 3000, health = \"/health\" }\n",
    })
}

/// An image that was made with no thought for Landfall, several layers of it shared with others: Debian, certificates,
/// Python's own web server. As an oci-archive.
pub fn stranger(engine: &Engine) -> Result<Image> {
    static TURN: Mutex<()> = Mutex::new(());
    let tag = built(engine, &TURN, "python-server", &workspace::root().join("tests/images/python-server"))?;
    let docker = saved(engine, &tag)?;
    let oci = docker.with_extension("oci.tar");
    if !oci.exists() {
        let [from, to] =
            [("docker", &docker), ("oci", &oci)].map(|(kind, path)| format!("{kind}-archive:{}", path.display()));
        Command::new("skopeo").args(["--insecure-policy", "copy", "--quiet", &from, &to]).ok()?;
    }
    Ok(Image {
        name: "python-server",
        source: format!("oci-archive:{}", oci.display()),
        more: "tenant = { language = \"python\", framework = \"http\", port = 8000, health = \"/health\" }\n",
    })
}

/// An image of about 600 MB in uncompressed layers, as a docker-archive.
pub fn large(engine: &Engine) -> Result<PathBuf> {
    static TURN: Mutex<()> = Mutex::new(());
    let tag = built(engine, &TURN, "large-tenant", &workspace::root().join("tests/images/large-tenant"))?;
    saved(engine, &tag)
}

/// The image's docker-archive, as `docker save` writes it, in the cache.
fn saved(engine: &Engine, tag: &str) -> Result<PathBuf> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let name = tag.rsplit('/').next().unwrap_or(tag).replace(':', "-");
    let archive = workspace::folder("cache")?.join(format!("{name}.tar"));
    if !archive.exists() {
        let unfinished = archive.with_extension("unfinished");
        engine
            .docker(["save", "--output"])
            .arg(&unfinished)
            .arg(tag)
            .shown_as(format!("docker save {tag} >{name}.tar"))
            .ok()?;
        std::fs::rename(&unfinished, &archive)?;
    }
    Ok(archive)
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
