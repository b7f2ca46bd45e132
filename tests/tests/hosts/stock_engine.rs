//! Engines and stock tools take images out of a bundle by themselves, without a program of ours.

use anyhow::{Context as _, Result, bail, ensure};
use landfall_tests::{Host, Platform};

/// The image `hello` of release 1.0.0 of the product `acme`, as an engine knows it.
const LOADED: &str = "acme/hello:1.0.0";
const COPIED: &str = "localhost/copied:1.0.0";

/// On a host without Landfall: the engine itself, skopeo and umoci each take `hello` out of a bundle of gzip layers.
pub(crate) fn takes_images_out(platform: Platform, host: &Host, bundle: &str) -> Result<()> {
    let (program, storage) = match platform {
        Platform::Bare | Platform::Debian13Bare => bail!("{platform:?} has no engine"),
        Platform::Own | Platform::Debian13Docker | Platform::Debian13Containerd => ("docker", "docker-daemon"),
        Platform::Debian13Podman => ("podman", "containers-storage"),
    };
    let loaded = host.ok(&format!("{program} load --input {bundle}"))?;
    ensure!(loaded.contains(LOADED), "{loaded}");
    runs(program, host, LOADED).context("loaded by the engine")?;

    let layout = format!("oci-archive:{bundle}:hello");
    host.ok(&format!("skopeo --insecure-policy copy --quiet {layout} {storage}:{COPIED}"))?;
    runs(program, host, COPIED).context("copied by skopeo")?;

    host.ok(&format!("mkdir /run/layout && tar --directory /run/layout --extract --file {bundle}"))?;
    host.ok("umoci unpack --image /run/layout:hello /run/unpacked && test -s /run/unpacked/rootfs/hello")?;
    let user = host.ok("grep -o '\"uid\": *65532' /run/unpacked/config.json")?;
    ensure!(!user.is_empty(), "umoci lost the image's user");
    // The engine took all images of the bundle, and the host is to be as it was.
    host.ok(&format!("rm -r /run/layout /run/unpacked && {program} image prune --all --force"))?;
    Ok(())
}

/// The image runs, as its own user.
fn runs(program: &str, host: &Host, image: &str) -> Result<()> {
    host.ok(&format!("{program} run --detach --name stock --network none {image}"))?;
    let format = "{{.State.Running}} {{.Config.User}}";
    let state = host.ok(&format!("{program} inspect --format '{format}' stock"))?;
    ensure!(state.trim() == "true 65532:65532", "{state}: {}", host.run(&format!("{program} logs stock"))?.text());
    host.ok(&format!("{program} rm --force stock"))?;
    Ok(())
}
