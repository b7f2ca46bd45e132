//! The whole main job on a truly isolated host: pack, carry, install, provision, survive, and leave no trace.

use anyhow::{Context as _, Result, bail, ensure};
use landfall_tests::{Engine, FileList, Host, Installation, Publisher, Release, STICK, Tenant, image, listeners};
use serde_json::json;

#[test]
fn a_bundle_lands_provisions_survives_and_leaves_no_trace() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("landing")?;
    let images = vec![publisher.hello()?, image::node_express(&engine)?];
    let (stick, bundle) = publisher.deliver(&engine, &Release::new("1.0.0", 1, &images))?;
    let host = Host::boot(&engine, &[stick.writable()])?;
    listeners::start(&host)?;
    let before = FileList::of(&host)?;

    let installation = Installation::install(&host, &bundle)?;
    installing_again_changes_nothing(installation, &bundle)?;
    let hello = installation.spawn(&json!({"name": "first", "language": "rust", "framework": "hello"}))?;
    let node = installation.spawn(&json!({"name": "second", "language": "node", "framework": "express"}))?;
    tenants_serve(installation, &hello, &node)?;
    tenants_are_apart(installation, &hello, &node)?;

    changed_limits_reach_a_tenant_that_runs(installation, &hello)?;

    // Each of these flushes the rules of the kernel, Docker's among them.
    for flush in ["nft flush ruleset", "systemctl start nftables", "systemctl reload nftables"] {
        host.ok(flush)?;
        tenants_are_apart(installation, &hello, &node).with_context(|| format!("after {flush}"))?;
    }

    for fault in ["systemctl kill --signal KILL landfall", "systemctl restart docker"] {
        host.ok(fault)?;
        tenants_come_back(installation, &hello, &node, fault)?;
    }
    host.ok("systemctl stop listener-beyond listener-service")?;
    host.reboot()?;
    tenants_come_back(installation, &hello, &node, "a reboot")?;
    listeners::start(&host)?;
    tenants_are_apart(installation, &hello, &node)?;

    installation.leaves_no_trace(&[hello, node], &before)
}

#[test]
fn an_image_of_others_is_installed_from_a_write_protected_stick() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("stranger")?;
    let images = vec![image::node_express(&engine)?, image::stranger(&engine)?];
    let (stick, bundle) = publisher.deliver(&engine, &Release::new("1.0.0", 1, &images))?;
    let host = Host::boot(&engine, &[stick.read_only()])?;
    let before = FileList::of(&host)?;

    let installation = Installation::install(&host, &bundle)?;
    let tenant = installation.spawn(&json!({"name": "stranger", "baseImage": "python-server"}))?;
    let reply = installation.visit(&tenant, "/index.html")?.expect(200)?;
    ensure!(reply.body.trim() == "served by python", "{reply:?}");
    installation.leaves_no_trace(&[tenant], &before)
}

fn installing_again_changes_nothing(installation: Installation<'_>, bundle: &str) -> Result<()> {
    // The service reads meanwhile, and marks there up to where (SQLite, "WAL-mode File Format", section 2.3).
    let list = || {
        FileList::of(installation.host()).map(|list| list.without_content(&["/var/lib/landfall/db/landfall.db-shm"]))
    };
    let installed = list()?;
    let again = installation
        .host()
        .run(&format!("{STICK}/landfall-installer install {STICK}/{bundle} --trust {STICK}/landfall.pub --json"))?;
    let again = again.ok()?;
    let difference = installed.difference(&list()?);
    ensure!(difference.is_empty(), "installing again changed\n{difference}");
    ensure!(again.stdout.contains("\"changed\": false"), "{}", again.text());
    Ok(())
}

fn changed_limits_reach_a_tenant_that_runs(installation: Installation<'_>, tenant: &Tenant) -> Result<()> {
    let host = installation.host();
    let inspect = |format: &str| format!("docker inspect -f '{format}' {}", tenant.container);
    let started = host.ok(&inspect("{{.State.StartedAt}}"))?;
    host.ok("landfall-installer config set tenants.memory=1GiB tenants.pids=300 && systemctl restart landfall")?;
    host.until(&format!("{} | grep -x '1073741824 300'", inspect("{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}")))?;
    ensure!(host.ok(&inspect("{{.State.StartedAt}}"))? == started, "it was started again for its new limits");
    Ok(())
}

fn tenants_serve(installation: Installation<'_>, hello: &Tenant, node: &Tenant) -> Result<()> {
    ensure!(hello.port != node.port && hello.api_key != node.api_key, "{hello:?} {node:?}");
    for tenant in [hello, node] {
        ensure!(tenant.api_key.starts_with("sk_tenant_"), "{tenant:?}");
        // Its port holds the request while it starts; after that its log has lines.
        installation.visit(tenant, "/health")?.expect(200)?;
        let status = installation.status(tenant)?;
        ensure!(status["containerName"] == tenant.container.as_str() && status["port"] == tenant.port, "{status}");
        let logs = installation
            .request("GET", &format!("/api/v1/tenant/{}/logs", tenant.env_id), None)?
            .expect(200)?
            .json()?;
        ensure!(logs["logs"].as_array().is_some_and(|lines| !lines.is_empty()), "{logs}");
    }
    let hello_says = installation.visit(hello, "/")?.expect(200)?;
    ensure!(hello_says.body.contains("first"), "{hello_says:?}");
    let node_says = installation.visit(node, "/api/converge")?.expect(404)?.json()?;
    ensure!(node_says["error"]["code"].is_string(), "{node_says}");
    let listed = installation.request("GET", "/api/v1/tenant?org_id=1", None)?.expect(200)?.json()?;
    ensure!(listed["tenants"].as_array().is_some_and(|tenants| tenants.len() == 2), "{listed}");
    let host = installation.host();
    host.ok(&format!("curl -fsS -X PUT -d kept http://127.0.0.1:{}/data/note", hello.port))?;
    Ok(())
}

pub(crate) fn tenants_are_apart(installation: Installation<'_>, hello: &Tenant, node: &Tenant) -> Result<()> {
    // Its probe waits for a second, which may be too short on a busy machine.
    let parent = format!("curl -fsS http://127.0.0.1:{}/parent | grep -q '\"status\":200'", hello.port);
    installation.host().until(&parent).context("a tenant must reach its parent")?;
    let inspected = installation.host().ok(&format!(
        "docker inspect -f '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}' {}",
        node.container
    ))?;
    let neighbour = inspected.trim();
    let [own_gateway, its_gateway] = [gateway(installation, hello)?, gateway(installation, node)?];
    installation.until_reached(hello, &own_gateway, 3000)?;
    let others = [
        (neighbour, 3000, "another tenant"),
        (its_gateway.as_str(), 3000, "the API at another tenant's gateway"),
        (&own_gateway, node.port, "another tenant's port"),
        (&own_gateway, hello.port, "its own port"),
        (&own_gateway, listeners::SERVICE, "a service of the host"),
        (listeners::HOST, listeners::SERVICE, "a service at another address of the host"),
        (listeners::HOST, 3000, "the API at another address of the host"),
        (listeners::BEYOND, listeners::SERVICE, "a machine beyond the host"),
    ];
    let cannot_reach = |(address, port, what): (&str, u16, &str)| -> Result<()> {
        // What nobody reaches proves nothing.
        installation.host().until(&listeners::connect(address, port))?;
        ensure!(!installation.reaches(hello, address, port)?, "a tenant reaches {what}: {address}:{port}");
        Ok(())
    };
    std::thread::scope(|scope| {
        let attempts = others.map(|other| scope.spawn(move || cannot_reach(other)));
        attempts.into_iter().try_for_each(|attempt| attempt.join().unwrap_or_else(|_| bail!("the probe panicked")))
    })
}

/// The host's address in the tenant's network. Newer engines report none for an internal network: the bridge has it.
fn gateway(installation: Installation<'_>, tenant: &Tenant) -> Result<String> {
    let shown = installation.host().ok(&format!("ip -4 -o address show dev lft{}", tenant.env_id))?;
    let address = shown.split_whitespace().nth(3).and_then(|cidr| cidr.split('/').next());
    address.map(str::to_owned).with_context(|| format!("no address in {shown}"))
}

pub(crate) fn tenants_come_back(
    installation: Installation<'_>,
    hello: &Tenant,
    node: &Tenant,
    fault: &str,
) -> Result<()> {
    for tenant in [hello, node] {
        let healthy = format!("curl -fsS --max-time 60 http://127.0.0.1:{}/health", tenant.port);
        let took = installation.host().until(&healthy)?;
        installation.until_running(tenant)?;
        println!("{} serves {:.1} s after {fault}", tenant.container, took.as_secs_f64());
    }
    let kept = installation.visit(hello, "/data/note")?.expect(200)?;
    ensure!(kept.body == "kept", "after {fault} the tenant's file holds {:?}", kept.body);
    Ok(())
}
