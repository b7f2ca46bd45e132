//! `make demo`: the whole main job for a person to watch. Packs real images, carries them on a FAT32 stick to a host without
//! a network, lands them there, provisions two tenants and talks to them; updates to the next release and goes back, while they
//! run; then cleans up.

use anyhow::{Result, bail, ensure};
use landfall_tests::{
    Engine, Host, Installation, Publisher, Registry, Release, Report, STICK, Tenant, echo_commands, image,
};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    echo_commands();
    let mut report = Report::new("demo");
    let outcome = run(&mut report);
    report.verdict(outcome)
}

fn run(report: &mut Report) -> Result<()> {
    let engine = report.stage("A Docker Engine of the demo's own, as the connected machine has it", Engine::shared)?;
    let outcome = journey(report, &engine);
    let clean_up = report.stage("Clean up: remove hosts, sticks and the engine", || {
        drop(engine);
        Ok(())
    });
    // Cleaned up in any case; the first error is the one to report.
    outcome.and(clean_up)
}

fn journey(report: &mut Report, engine: &Arc<Engine>) -> Result<()> {
    let publisher = report.stage("Build the programs, and make a key pair to sign with", || Publisher::new("demo"))?;
    let (registry, images) = report.stage(
        "Two tenant images: a static program, and Node.js with Express on Debian in a registry",
        || {
            let registry = Registry::start("demo")?;
            let pushed = registry.push(&image::node_express(engine)?)?;
            Ok((registry, vec![publisher.hello()?, pushed]))
        },
    )?;
    let (stick, bundles) = report.stage("PACK a release and the next one, and copy both to a FAT32 stick", || {
        std::fs::write(publisher.file("NEWS"), "What is new in 1.1.0.\n")?;
        let news = "\n[[file]]\nsource = \"NEWS\"\npath = \"docs/NEWS\"\n".to_owned();
        let next = Release { more: news, ..Release::new("1.1.0", 2, &images) };
        let first = Release::new("1.0.0", 1, &images);
        publisher.deliver_all(engine, &[&first, &next])
    })?;
    // From here on there is no network, and no registry.
    drop(registry);
    let [first, next] = &bundles[..] else { bail!("two bundles were packed") };
    let host = report.stage("Boot an isolated host: systemd, Docker, no network; plug the stick in", || {
        let host = Host::boot(engine, &[stick.writable()])?;
        print!("{}", host.ok("ip -brief link; docker images")?);
        Ok(host)
    })?;
    let installation = report.stage("LAND: verify with the pinned key, stage, load, install, start", || {
        let installer = format!("{STICK}/landfall-installer");
        for command in ["verify", "install"] {
            let line = format!("{installer} {command} {STICK}/{first} --trust {STICK}/landfall.pub");
            print!("{}", host.run(&line)?.ok()?.text());
        }
        print!("{}", host.ok("landfall-installer status")?);
        Ok(Installation::on(&host))
    })?;
    let tenants = report.stage("PROVISION two tenants from local images alone", || {
        let first = installation.spawn_by_hand("first --language rust --framework hello")?;
        let second = installation.spawn_by_hand("second --language node --framework express")?;
        print!("{}", host.ok("landfall tenant list")?);
        Ok([first, second])
    })?;
    report.stage("Talk to them through their own ports", || talk(installation, &tenants))?;
    report.stage("Reboot: they are back by themselves", || {
        host.reboot()?;
        tenants.iter().try_for_each(|tenant| installation.until_running(tenant).map(drop))?;
        talk(installation, &tenants)
    })?;
    report.stage("MOVE ON to the next release, from the same stick, while the tenants run", || {
        let running = running(&host)?;
        print!("{}", host.ok(&format!("landfall-installer plan {STICK}/{next}"))?);
        print!("{}", host.run(&format!("landfall-installer update {STICK}/{next}"))?.ok()?.text());
        print!("{}", host.ok("landfall-installer status")?);
        no_tenant_restarted(&host, &running)?;
        talk(installation, &tenants)
    })?;
    report.stage("And BACK", || {
        let running = running(&host)?;
        print!("{}", host.run("landfall-installer rollback")?.ok()?.text());
        print!("{}", host.ok("landfall health")?);
        no_tenant_restarted(&host, &running)?;
        talk(installation, &tenants)
    })?;
    report.stage("Destroy them, and uninstall without a trace", || {
        for tenant in &tenants {
            print!("{}", host.ok(&format!("landfall tenant destroy {} --yes", tenant.env_id))?);
        }
        host.ok("landfall-installer uninstall --purge --yes")?;
        let left = host.ok(
            "docker ps --all --quiet; docker images --quiet; ls -d /opt/landfall /etc/landfall 2>/dev/null || true",
        )?;
        ensure!(left.is_empty(), "left behind: {left}");
        Ok(())
    })
}

/// Each tenant's container, and since when it runs.
fn running(host: &Host) -> Result<String> {
    host.ok("docker inspect -f '{{.Name}} {{.State.StartedAt}}' $(docker ps --quiet --filter label=io.landfall.tenant)")
}

fn no_tenant_restarted(host: &Host, before: &str) -> Result<()> {
    let after = running(host)?;
    ensure!(after == before, "tenants were restarted:\n{before}{after}");
    Ok(())
}

fn talk(installation: Installation<'_>, tenants: &[Tenant]) -> Result<()> {
    for tenant in tenants {
        let url = format!("http://127.0.0.1:{}/health", tenant.port);
        println!("{}", installation.host().ok(&format!("curl -fsS {url}"))?.trim());
    }
    Ok(())
}
