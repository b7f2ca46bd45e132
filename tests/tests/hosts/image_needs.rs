//! What images need to run, and that a release which no tenant can be made from is not installed.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{BUNDLES, BundleFolder, Engine, FileList, Host, Installation, Publisher, Release, image};
use serde_json::{Value, json};

/// What tenants leave in the engine.
const OBJECTS: &str =
    "docker ps --all --quiet; docker volume ls --quiet; docker network ls --quiet --filter label=io.landfall.tenant";

#[test]
fn images_get_what_they_need_and_a_release_whose_canary_cannot_run_is_not_installed() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("image-needs")?;
    let bundles = BundleFolder::new("image-needs", &publisher)?;
    let keeper = image::keeper(&engine, &publisher)?;
    let broken = Release::new("1.0.0", 1, &[keeper.clone(), publisher.broken_canary()?]);
    let broken = bundles.put(&publisher.pack(&broken)?)?;
    // By name `checked` comes first, by the definition `keeper`.
    let good = bundles.put(&publisher.pack(&Release::new("1.0.1", 2, &[keeper, publisher.checked()?]))?)?;
    let host = Host::boot(&engine, &[bundles.mount()])?;
    let before = FileList::of(&host)?;

    is_not_installed(&host, &broken, &before)?;
    let installation = Installation::install_from_folder(&host, &good, &[])?;
    ensure!(host.ok(OBJECTS)?.is_empty(), "the self-check leaves something");
    let checked: Value = serde_json::from_str(&host.ok("landfall selfcheck --json")?)?;
    ensure!(checked.to_string().contains("a tenant of keeper was healthy"), "{checked}");

    let keeper = installation.spawn(&json!({"name": "keeper", "baseImage": "keeper"}))?;
    let other = installation.spawn(&json!({"name": "checked", "baseImage": "checked"}))?;
    for (tenant, result) in [(&keeper, "connected"), (&other, "command ended with 0")] {
        let healthy = format!("landfall tenant status {} --json | grep -q '\"healthy\"'", tenant.env_id);
        host.until(&healthy)?;
        let status = installation.status(tenant)?;
        ensure!(status["lastCheck"]["result"] == result, "{status}");
    }
    // The volume begins with what the image has there, and is the tenant's user's.
    let seed = installation.visit(&keeper, "/data/seed")?.expect(200)?;
    ensure!(seed.body == "of the image", "{seed:?}");
    host.ok(&format!("curl -fsS -X PUT -d kept http://127.0.0.1:{}/data/note", keeper.port))?;
    let volumes = host.ok("docker volume ls --quiet | sort")?;
    ensure!(
        volumes.lines().count() == 5 && volumes.lines().all(|name| name.starts_with("convergence-tenant-")),
        "{volumes}"
    );
    let pid = host.ok(&format!("docker inspect -f '{{{{.State.Pid}}}}' {}", keeper.container))?;
    let mounts = host.ok(&format!("grep ' /var/cache/keeper tmpfs ' /proc/{}/mounts", pid.trim()))?;
    ensure!(mounts.contains("noexec") && mounts.contains("size=1024k"), "{mounts}");

    host.ok(&format!("docker rm --force --volumes {}", keeper.container))?;
    host.until(&format!("curl -fsS http://127.0.0.1:{}/data/note | grep -qx kept", keeper.port))?;
    let again = host.ok("docker volume ls --quiet | sort")?;
    ensure!(again == volumes, "made again, the tenants have the volumes\n{again}");
    installation.leaves_no_trace(&[keeper, other], &before)
}

/// The installer says which image cannot run and how it ended, and undoes everything.
fn is_not_installed(host: &Host, bundle: &str, before: &FileList) -> Result<()> {
    let install =
        format!("{BUNDLES}/landfall-installer install {bundle} --trust {BUNDLES}/landfall.pub --json </dev/null");
    let output = host.run(&install)?.exits(6)?;
    let report: Value = serde_json::from_str(&output.stdout).with_context(|| output.text())?;
    let message = report["error"]["message"].as_str().unwrap_or_default();
    for part in ["a tenant of broken", "exit code 1", "usage: host-probe"] {
        ensure!(message.contains(part), "the message does not say {part:?}: {report}");
    }
    ensure!(report["error"]["hint"].as_str().is_some_and(|hint| hint.contains("update.canary")), "{report}");
    let difference = before.difference(&FileList::of(host)?);
    ensure!(difference.is_empty(), "not installed, and yet\n{difference}");
    for left in [OBJECTS, "docker image ls --quiet", "ip -brief link | grep ^lft || true"] {
        ensure!(host.ok(left)?.is_empty(), "not installed, and yet {left} lists something");
    }
    Ok(())
}
