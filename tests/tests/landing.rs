//! The whole main job on a truly isolated host: pack, carry, install, provision, survive, and leave no trace.

use anyhow::{Context as _, Result, bail, ensure};
use landfall_tests::{Engine, FileList, Host, Image, Landed, Publisher, Release, STICK, Tenant, image, neighbours};
use serde_json::json;

fn release(images: Vec<Image>) -> Release {
    Release { version: "1.0.0".to_owned(), serial: 1, images, more: String::new() }
}

#[test]
fn a_bundle_lands_provisions_survives_and_leaves_no_trace() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("landing")?;
    let images = vec![publisher.hello()?, image::node_express(&engine)?];
    let (stick, bundle) = publisher.deliver(&engine, &release(images))?;
    let host = Host::boot(&engine, &[stick.writable()])?;
    neighbours::settle(&host)?;
    let before = FileList::of(&host)?;

    let landed = Landed::install(&host, &bundle)?;
    installing_again_changes_nothing(landed, &bundle)?;
    let hello = landed.spawn(&json!({"name": "first", "language": "rust", "framework": "hello"}))?;
    let node = landed.spawn(&json!({"name": "second", "language": "node", "framework": "express"}))?;
    tenants_serve(landed, &hello, &node)?;
    tenants_are_apart(landed, &hello, &node)?;

    // Each of these flushes the rules of the kernel, Docker's among them.
    for flush in ["nft flush ruleset", "systemctl start nftables", "systemctl reload nftables"] {
        host.ok(flush)?;
        tenants_are_apart(landed, &hello, &node).with_context(|| format!("after {flush}"))?;
    }

    for fault in ["systemctl kill --signal KILL landfall", "systemctl restart docker"] {
        host.ok(fault)?;
        tenants_come_back(landed, &hello, &node, fault)?;
    }
    host.ok("systemctl stop listener-beyond listener-service")?;
    host.reboot()?;
    tenants_come_back(landed, &hello, &node, "a reboot")?;
    neighbours::settle(&host)?;
    tenants_are_apart(landed, &hello, &node)?;

    landed.leaves_no_trace(&[hello, node], &before)
}

#[test]
fn a_stranger_lands_from_a_stick_that_cannot_be_written() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("stranger")?;
    let images = vec![image::node_express(&engine)?, image::stranger(&engine)?];
    let (stick, bundle) = publisher.deliver(&engine, &release(images))?;
    let host = Host::boot(&engine, &[stick.read_only()])?;
    let before = FileList::of(&host)?;

    let landed = Landed::install(&host, &bundle)?;
    let tenant = landed.spawn(&json!({"name": "stranger", "baseImage": "python-server"}))?;
    let reply = landed.visit(&tenant, "/index.html")?.expect(200)?;
    ensure!(reply.body.trim() == "served by python", "{reply:?}");
    landed.leaves_no_trace(&[tenant], &before)
}

fn installing_again_changes_nothing(landed: Landed<'_>, bundle: &str) -> Result<()> {
    let installed = FileList::of(landed.host())?;
    let again = landed
        .host()
        .run(&format!("{STICK}/landfall-installer install {STICK}/{bundle} --trust {STICK}/landfall.pub --json"))?;
    let again = again.ok()?;
    let difference = installed.difference(&FileList::of(landed.host())?);
    ensure!(difference.is_empty(), "installing again changed\n{difference}");
    ensure!(again.stdout.contains("\"changed\": false"), "{}", again.said());
    Ok(())
}

fn tenants_serve(landed: Landed<'_>, hello: &Tenant, node: &Tenant) -> Result<()> {
    ensure!(hello.port != node.port && hello.api_key != node.api_key, "{hello:?} {node:?}");
    for tenant in [hello, node] {
        ensure!(tenant.api_key.starts_with("sk_tenant_"), "{tenant:?}");
        // Its front door waits while it starts; after that it has something to say.
        landed.visit(tenant, "/health")?.expect(200)?;
        let status = landed.status(tenant)?;
        ensure!(status["containerName"] == tenant.container.as_str() && status["port"] == tenant.port, "{status}");
        let logs =
            landed.request("GET", &format!("/api/v1/tenant/{}/logs", tenant.env_id), None)?.expect(200)?.json()?;
        ensure!(logs["logs"].as_array().is_some_and(|lines| !lines.is_empty()), "{logs}");
    }
    let hello_says = landed.visit(hello, "/")?.expect(200)?;
    ensure!(hello_says.body.contains("first"), "{hello_says:?}");
    let node_says = landed.visit(node, "/api/converge")?.expect(404)?.json()?;
    ensure!(node_says["error"]["code"].is_string(), "{node_says}");
    let listed = landed.request("GET", "/api/v1/tenant?org_id=1", None)?.expect(200)?.json()?;
    ensure!(listed["tenants"].as_array().is_some_and(|tenants| tenants.len() == 2), "{listed}");
    let host = landed.host();
    host.ok(&format!("curl -fsS -X PUT -d kept http://127.0.0.1:{}/data/note", hello.port))?;
    Ok(())
}

fn tenants_are_apart(landed: Landed<'_>, hello: &Tenant, node: &Tenant) -> Result<()> {
    // Its probe waits for a second, which may be too short on a busy machine.
    let parent = format!("curl -fsS http://127.0.0.1:{}/parent | grep -q '\"status\":200'", hello.port);
    landed.host().until(&parent).context("a tenant must reach its parent")?;
    let of = |tenant: &Tenant, what: &str| {
        let format = format!("{{{{range .NetworkSettings.Networks}}}}{{{{.{what}}}}}{{{{end}}}}");
        landed
            .host()
            .ok(&format!("docker inspect -f '{format}' {}", tenant.container))
            .map(|said| said.trim().to_owned())
    };
    let (neighbour, its_gateway) = (of(node, "IPAddress")?, of(node, "Gateway")?);
    let own_gateway = landed.host().ok(&format!("ip -4 -o address show dev lft{}", hello.env_id))?;
    let own_gateway =
        own_gateway.split_whitespace().nth(3).and_then(|cidr| cidr.split('/').next()).unwrap_or_default().to_owned();
    landed.until_reached(hello, &own_gateway, 3000)?;
    let others = [
        (neighbour.as_str(), 3000, "another tenant"),
        (its_gateway.as_str(), 3000, "the API at another tenant's gateway"),
        (&own_gateway, node.port, "another tenant's front door"),
        (&own_gateway, hello.port, "its own front door"),
        (&own_gateway, neighbours::SERVICE, "a service of the host"),
        (neighbours::HOST, neighbours::SERVICE, "a service at another address of the host"),
        (neighbours::HOST, 3000, "the API at another address of the host"),
        (neighbours::BEYOND, neighbours::SERVICE, "a machine beyond the host"),
    ];
    let cannot_reach = |(address, port, what): (&str, u16, &str)| -> Result<()> {
        // What nobody reaches proves nothing.
        landed.host().until(&neighbours::connect(address, port))?;
        ensure!(!landed.reaches(hello, address, port)?, "a tenant reaches {what}: {address}:{port}");
        Ok(())
    };
    std::thread::scope(|scope| {
        let attempts = others.map(|other| scope.spawn(move || cannot_reach(other)));
        attempts.into_iter().try_for_each(|attempt| attempt.join().unwrap_or_else(|_| bail!("the probe panicked")))
    })
}

fn tenants_come_back(landed: Landed<'_>, hello: &Tenant, node: &Tenant, fault: &str) -> Result<()> {
    for tenant in [hello, node] {
        let healthy = format!("curl -fsS --max-time 60 http://127.0.0.1:{}/health", tenant.port);
        let took = landed.host().until(&healthy)?;
        landed.until_running(tenant)?;
        println!("{} serves {:.1} s after {fault}", tenant.container, took.as_secs_f64());
    }
    let kept = landed.visit(hello, "/data/note")?.expect(200)?;
    ensure!(kept.body == "kept", "after {fault} the tenant's file holds {:?}", kept.body);
    Ok(())
}
