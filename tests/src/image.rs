//! The container images of the tests, made by `mmdebstrap` and `docker build`, as people make theirs. The engine keeps
//! them: each is named after a hash of its recipe, and built once.

use crate::{Command, Engine, FileList, Image, Publisher, mirror::Mirror, workspace};
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
    debian_of(engine, &Mirror::of_this_machine()?)
}

fn debian_of(engine: &Engine, mirror: &Mirror) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Named after what it is made from: a changed recipe is another image, and nobody has to clear a cache.
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

/// The same as a docker-archive.
pub fn debian_archive(engine: &Engine) -> Result<PathBuf> {
    saved(engine, &debian(engine)?)
}

/// The isolated host: systemd, a Docker Engine, firewall tools and curl.
pub fn isolated_host(engine: &Engine) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    built(engine, &TURN, &recipe("isolated-host"), &debian(engine)?)
}

/// A host that never had an engine.
pub(crate) fn bare_host(engine: &Engine) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    built(engine, &TURN, &recipe("bare-host"), &debian(engine)?)
}

/// A host of Debian 13 after one of the recipes.
pub(crate) fn debian_13_host(engine: &Engine, name: &str) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    let base = debian_of(engine, &Mirror::of_this_machine()?.of_suite("trixie"))?;
    let base = match name {
        "isolated-host-containerd" => built(engine, &TURN, &recipe("isolated-host"), &base)?,
        _ => base,
    };
    built(engine, &TURN, &recipe(name), &base)
}

/// The isolated host with a kernel of its own, for an emulated machine.
pub fn machine(engine: &Engine) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    built(engine, &TURN, &recipe("machine"), &isolated_host(engine)?)
}

/// The tenant image `node-express`, as a docker-archive.
pub fn node_express(engine: &Engine) -> Result<Image> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = workspace::fresh_folder("node-express")?;
    npm_ci(&folder.join("app"))?;
    std::fs::copy(recipe("node-express").join("Dockerfile"), folder.join("Dockerfile"))?;
    // `built` takes the same turn.
    drop(turn);
    let tag = built(engine, &TURN, &folder, &certificates(engine)?)?;
    Ok(Image {
        name: "node-express",
        source: format!("docker-archive:{}", saved(engine, &tag)?.display()),
        more: "tenant = { language = \"node\", framework = \"express\", port = 3000, health = \"/health\" }\n",
    })
}

/// An image that was made with no thought for Landfall and shares layers with `node-express`: Debian, certificates, Python's
/// own web server. As an oci-archive.
pub fn stranger(engine: &Engine) -> Result<Image> {
    static TURN: Mutex<()> = Mutex::new(());
    let tag = built(engine, &TURN, &recipe("python-server"), &certificates(engine)?)?;
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

/// An application as others pack it: the program of `hello`, which keeps its data in a `VOLUME` that the image brings something in. As a
/// docker-archive.
pub fn keeper(engine: &Engine, publisher: &Publisher) -> Result<Image> {
    let root = publisher.file("keeper");
    std::fs::create_dir_all(root.join("var/lib/keeper"))?;
    std::fs::write(root.join("var/lib/keeper/seed"), "of the image")?;
    std::fs::copy(publisher.programs().hello()?, root.join("hello"))?;
    let (tar, archive) = (publisher.file("keeper-root.tar"), publisher.file("keeper.tar"));
    Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg(".").ok()?;
    let tag = "landfall-testbed/keeper:1";
    let configuration = [
        "ENTRYPOINT [\"/hello\"]",
        "USER 65532",
        "ENV DATA_DIR=/var/lib/keeper",
        "EXPOSE 3000",
        "VOLUME /var/lib/keeper",
        "VOLUME /var/cache/keeper",
    ];
    let changes = configuration.into_iter().flat_map(|change| ["--change", change]);
    engine.docker(["import"]).args(changes).arg(&tar).arg(tag).quiet().ok().context("import the keeper")?;
    engine.docker(["save", "--output"]).arg(&archive).arg(tag).quiet().ok()?;
    engine.docker(["image", "rm", tag]).quiet().ok()?;
    Ok(Image {
        name: "keeper",
        source: format!("docker-archive:{}", archive.display()),
        more: "tenant = { language = \"rust\", framework = \"keeper\", port = 3000, health = \"tcp\", start_period = 90, \
               writable = [{ path = \"/var/cache/keeper\", kind = \"tmpfs\", size = \"1MiB\" }] }\n",
    })
}

/// An image of about 600 MB in uncompressed layers, as a docker-archive.
pub fn large(engine: &Engine) -> Result<PathBuf> {
    static TURN: Mutex<()> = Mutex::new(());
    let tag = built(engine, &TURN, &recipe("large-tenant"), &debian(engine)?)?;
    saved(engine, &tag)
}

/// Images on one base of about 100 MB with a small layer each, one for each name, as docker-archives.
pub fn on_one_base(engine: &Engine, names: &[&str]) -> Result<Vec<PathBuf>> {
    static TURN: Mutex<()> = Mutex::new(());
    let base = debian(engine)?;
    let archive = |name: &&str| {
        let folder = workspace::fresh_folder(&format!("on-one-base/{name}"))?;
        std::fs::write(folder.join("Dockerfile"), "ARG BASE\nFROM $BASE\nCOPY layer /srv/layer\n")?;
        std::fs::write(folder.join("layer"), format!("{name}\n").repeat(100_000))?;
        saved(engine, &built(engine, &TURN, &folder, &base)?)
    };
    names.iter().map(archive).collect()
}

/// What the tenants' images share.
fn certificates(engine: &Engine) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    built(engine, &TURN, &recipe("certificates"), &debian(engine)?)
}

fn recipe(name: &str) -> PathBuf {
    workspace::root().join("tests/images").join(name)
}

/// The image whose program is cosign 2.
pub fn cosign(engine: &Engine) -> Result<String> {
    static TURN: Mutex<()> = Mutex::new(());
    built(engine, &TURN, &recipe("cosign"), &debian_of(engine, &Mirror::of_this_machine()?.of_suite("trixie"))?)
}

/// The application of tenants/node-express with what it depends on, as `npm ci` puts it together.
fn npm_ci(to: &Path) -> Result<()> {
    let tenants = workspace::root().join("tenants");
    let parent = to.parent().unwrap_or(to);
    let copy = "cp -r \"$1/convergence-client\" \"$2\" && cp -r \"$1/node-express\" \"$3\" && cd \"$3\" && \
                rm -rf node_modules test README.md && npm ci --omit=dev --silent && rm -r package-lock.json .npmrc";
    let npm = Command::new("sh").args(["-c", copy, "npm"]).args([&tenants, parent, to]);
    npm.shown_as("npm ci --omit=dev").ok().context("put node-express together")?;
    std::fs::remove_dir_all(parent.join("convergence-client")).context("remove the copy of the client")
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
        // Renamed when it is whole: a killed run must not leave half an archive in the cache.
        std::fs::rename(&unfinished, &archive)?;
    }
    Ok(archive)
}

/// Builds the Dockerfile in `folder` on the image `base`, unless the engine has the outcome.
fn built(engine: &Engine, turn: &Mutex<()>, folder: &Path, base: &str) -> Result<String> {
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let tag = named(&name, &[base, &format!("{:?}", FileList::of_folder(folder)?)]);
    if engine.has_image(&tag)? {
        return Ok(tag);
    }
    let settings = proxies().into_iter().map(|(name, value)| format!("{name}={value}"));
    engine
        .docker(["build", "--quiet", "--network", "host", "--tag", &tag, "--build-arg", &format!("BASE={base}")])
        .args(settings.flat_map(|setting| ["--build-arg".to_owned(), setting]))
        .arg(folder)
        .shown_as(format!("docker build --tag {tag} tests/images/{name}"))
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
    let printed = Command::new("sh").args(["-c", ask]).quiet().ok().unwrap_or_default();
    let named = ["http_proxy", "https_proxy"].into_iter().zip(printed.lines().map(str::to_owned));
    named.filter(|(_, value)| !value.is_empty()).collect()
}
