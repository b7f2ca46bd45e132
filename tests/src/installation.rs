//! Landfall installed on an isolated host, and used as its operators use it.

use crate::http::{Call, Reply, send};
use crate::{Host, STICK, TIMEOUT};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Where the API is, as seen on the host.
pub const API: &str = "http://127.0.0.1:3000";

/// A host on which Landfall is installed.
#[derive(Debug, Clone, Copy)]
pub struct Installation<'a> {
    host: &'a Host,
}

/// A tenant as its spawn returned it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The number of its environment.
    pub env_id: u64,
    /// Its port on the host.
    pub port: u16,
    /// Its key for the parent's API.
    pub api_key: String,
    /// Its container in the engine.
    pub container: String,
}

impl<'a> Installation<'a> {
    /// Installs `bundle` from the stick with the installer and the public key that lie beside it.
    pub fn install(host: &'a Host, bundle: &str) -> Result<Self> {
        host.ok(&format!("{STICK}/landfall-installer install {STICK}/{bundle} --trust {STICK}/landfall.pub"))?;
        Ok(Self::on(host))
    }

    /// A host on which Landfall is installed.
    pub fn on(host: &'a Host) -> Self {
        Self { host }
    }

    /// The host.
    pub fn host(self) -> &'a Host {
        self.host
    }

    /// A request of the host's admin to the API.
    pub fn request(self, method: &str, path: &str, json: Option<&str>) -> Result<Reply> {
        send(self.host, &format!("{API}{path}"), Call { method, admin: true, json })
    }

    /// Spawns a tenant and waits until it runs.
    pub fn spawn(self, request: &Value) -> Result<Tenant> {
        let reply = self.ask_to_spawn(request)?.expect(201)?;
        let tenant = Tenant::spawned(&reply)?;
        self.until_running(&tenant)?;
        Ok(tenant)
    }

    /// The tenant whose spawn was acknowledged; `None` where it failed.
    pub fn try_spawn(self, request: &Value) -> Result<Option<Tenant>> {
        let reply = self.ask_to_spawn(request)?;
        (reply.status == 201).then(|| Tenant::spawned(&reply)).transpose()
    }

    fn ask_to_spawn(self, request: &Value) -> Result<Reply> {
        self.request("POST", "/api/v1/tenant/spawn", Some(&request.to_string()))
    }

    /// Spawns a tenant with `landfall tenant spawn` and what follows it, and waits until it runs.
    pub fn spawn_by_hand(self, words: &str) -> Result<Tenant> {
        let printed = self.host.ok(&format!("landfall tenant spawn {words} --json"))?;
        let spawned: Value = serde_json::from_str(&printed).with_context(|| format!("spawned {printed}"))?;
        let tenant = Tenant::read(&spawned["tenant"]).with_context(|| format!("spawned {printed}"))?;
        self.until_running(&tenant)?;
        Ok(tenant)
    }

    /// What the API says about a tenant.
    pub fn status(self, tenant: &Tenant) -> Result<Value> {
        self.request("GET", &format!("/api/v1/tenant/{}/status", tenant.env_id), None)?.expect(200)?.json()
    }

    /// Waits until a tenant runs, and returns how long that took.
    pub fn until_running(self, tenant: &Tenant) -> Result<Duration> {
        let start = Instant::now();
        let path = format!("/api/v1/tenant/{}/status", tenant.env_id);
        while start.elapsed() < TIMEOUT {
            // The API may be on its way up, too.
            let reply = self.request("GET", &path, None)?;
            if reply.status == 200 && reply.json()?["status"] == "running" {
                return Ok(start.elapsed());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let last = self.request("GET", &path, None)?;
        bail!("{} does not run after {} s: {} {}", tenant.container, TIMEOUT.as_secs(), last.status, last.body);
    }

    /// A request to a tenant's port.
    pub fn visit(self, tenant: &Tenant, path: &str) -> Result<Reply> {
        send(self.host, &format!("http://127.0.0.1:{}{path}", tenant.port), Call::default())
    }

    /// Destroys a tenant.
    pub fn destroy(self, tenant: &Tenant) -> Result<()> {
        self.request("DELETE", &format!("/api/v1/tenant/{}", tenant.env_id), None)?.expect(200)?;
        Ok(())
    }

    /// Waits until the tenant, an instance of `hello`, can open a connection.
    pub fn until_reached(self, tenant: &Tenant, address: &str, port: u16) -> Result<()> {
        let start = Instant::now();
        // `reaches` itself waits for up to a second.
        while !self.reaches(tenant, address, port)? {
            ensure!(start.elapsed() < TIMEOUT, "{} cannot reach {address}:{port}", tenant.container);
        }
        Ok(())
    }

    /// Whether the tenant, an instance of `hello`, can open a connection within a second.
    pub fn reaches(self, tenant: &Tenant, address: &str, port: u16) -> Result<bool> {
        let reply = self.visit(tenant, &format!("/probe?host={address}&port={port}"))?.expect(200)?.json()?;
        reply["reachable"].as_bool().with_context(|| format!("the probe answered {reply}"))
    }
}

impl Tenant {
    fn spawned(reply: &Reply) -> Result<Self> {
        Self::read(&reply.json()?["tenant"]).with_context(|| format!("spawned {}", reply.body))
    }

    fn read(reply: &Value) -> Result<Self> {
        let env_id = reply["envId"].as_u64().context("no envId")?;
        Ok(Self {
            env_id,
            port: reply["port"].as_u64().and_then(|port| port.try_into().ok()).context("no port")?,
            api_key: reply["apiKey"].as_str().context("no apiKey")?.to_owned(),
            container: format!("convergence-tenant-{env_id}"),
        })
    }
}
