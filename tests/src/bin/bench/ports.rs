//! The tenants' ports against nginx's stream proxy: the same number of workers, the same upstream, the same client.

use crate::table::{Limit, ROUNDS, Row, in_turn, median};
use crate::{Bench, against};
use anyhow::{Context as _, Result, ensure};
use landfall::network::TenantAddresses;
use landfall::service::FdStore;
use landfall::tenant_ports::{Backend, TenantPorts};
use landfall_tests::{Command, ensure_proxy_tools, workspace};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A load: what is asked for, and how.
struct Load {
    what: [&'static str; 2],
    connections: u32,
    file: &'static str,
    /// Each request on a connection of its own.
    close: bool,
}

const LOADS: [Load; 4] = [
    Load { what: ["a small request, 16 connections", "p99 of it"], connections: 16, file: "small", close: false },
    Load { what: ["a small request, 128 connections", "p99 of it"], connections: 128, file: "small", close: false },
    Load { what: ["a body of 1 MB, 16 connections", "p99 of it"], connections: 16, file: "medium", close: false },
    Load {
        what: ["a connection for each request, 16 at a time", "p99 of it"],
        connections: 16,
        file: "small",
        close: true,
    },
];

/// How long a load lasts, in seconds: shorter ones are mostly beginnings.
const SECONDS: u32 = 2;
/// Ours shall take this many times nginx's time, 0.95 of its requests in a second, and may take the second.
const THROUGHPUT: [f64; 2] = [1.05, 1.2];
const TAIL: [f64; 2] = [1.2, 2.0];

pub(crate) fn rows(_: &Bench) -> Result<Vec<Row>> {
    ensure_proxy_tools()?;
    let nginx = Nginx::start()?;
    let tenants = TenantAddresses::new("10.213.0.0/16".parse()?, []);
    let ports = TenantPorts::new(Ipv4Addr::LOCALHOST, tenants, FdStore::disabled())?;
    let port = ports.open(ports.reserve(0)?)?;
    port.backend().set(Backend::Ready(SocketAddrV4::new(Ipv4Addr::LOCALHOST, nginx.upstream)));
    let mut rows = Vec::new();
    for load in &LOADS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(load.run(port.number())?);
            theirs.push(load.run(nginx.proxy)?);
        }
        for (index, [goal, factor]) in [THROUGHPUT, TAIL].into_iter().enumerate() {
            let of = |runs: &[[f64; 2]]| median(runs.iter().map(|run| run[index]).collect());
            let limit = Limit::Times { alternative: of(&theirs), factor, fixed: 0.0, goal };
            let what = load.what[index];
            rows.push(Row { what, against: "nginx's `stream`", unit: "µs", ours: of(&ours), limit });
        }
    }
    let downloads = in_turn(|| download(port.number()), || download(nginx.proxy))?;
    rows.push(against("download of 1 GB through a tenant's port", "nginx's `stream`", THROUGHPUT, downloads));
    Ok(rows)
}

impl Load {
    /// The time for each request and the 99th percentile of a request's time, in µs.
    fn run(&self, port: u16) -> Result<[f64; 2]> {
        let mut command = Command::new("wrk").quiet().args(["--latency", "-t", "2", "-d", &SECONDS.to_string()]);
        if self.close {
            command = command.args(["-H", "Connection: close"]);
        }
        let command = command.args(["-c", &self.connections.to_string()]);
        let printed = command.arg(format!("http://127.0.0.1:{port}/{}", self.file)).ok()?;
        ensure!(!printed.contains("Non-2xx"), "{printed}");
        let value = |label: &str| {
            let line = printed.lines().find_map(|line| line.trim().strip_prefix(label));
            line.map(str::trim).with_context(|| format!("wrk prints no {label}: {printed}"))
        };
        let a_second: f64 = value("Requests/sec:")?.parse()?;
        Ok([1e6 / a_second, microseconds(value("99%")?)?])
    }
}

/// A time as wrk prints it.
fn microseconds(text: &str) -> Result<f64> {
    let (number, factor) = [("us", 1.0), ("ms", 1e3), ("s", 1e6)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .with_context(|| format!("{text} is no time"))?;
    Ok(number.parse::<f64>()? * factor)
}

fn download(port: u16) -> Result<f64> {
    let url = format!("http://127.0.0.1:{port}/large");
    Ok(Command::new("curl").quiet().args(["-fsS", "-o", "/dev/null", &url]).run()?.ok()?.took.as_secs_f64())
}

/// Two nginx: one that has the files, and one that passes connections on to it.
struct Nginx {
    folder: PathBuf,
    upstream: u16,
    proxy: u16,
}

impl Nginx {
    fn start() -> Result<Self> {
        let folder = workspace::fresh_folder("nginx")?;
        for (name, bytes) in [("small", 200), ("medium", 1 << 20), ("large", 1 << 30)] {
            std::fs::File::create(folder.join(name))?.set_len(bytes)?;
        }
        let started = Self { upstream: free_port()?, proxy: free_port()?, folder };
        let workers = std::thread::available_parallelism()?.get();
        let head = |name: &str| {
            let folder = started.folder.display();
            format!(
                "include /etc/nginx/modules-enabled/*.conf;\nworker_processes {workers};\nuser root;\n\
                 pid {folder}/{name}.pid;\nerror_log {folder}/{name}.log;\nevents {{ worker_connections 4096; }}\n"
            )
        };
        let folder = started.folder.display();
        started.run(
            "upstream",
            &format!(
                "{}http {{ access_log off; sendfile on; keepalive_requests 1000000000; \
                 server {{ listen 127.0.0.1:{}; root {folder}; }} }}\n",
                head("upstream"),
                started.upstream
            ),
        )?;
        started.run(
            "proxy",
            &format!(
                "{}stream {{ server {{ listen 127.0.0.1:{}; proxy_pass 127.0.0.1:{}; }} }}\n",
                head("proxy"),
                started.proxy,
                started.upstream
            ),
        )?;
        for port in [started.upstream, started.proxy] {
            wait_for(port)?;
        }
        Ok(started)
    }

    fn run(&self, name: &str, config: &str) -> Result<()> {
        let path = self.config(name);
        std::fs::write(&path, config)?;
        nginx(&path).ok().map(drop)
    }

    fn config(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("conf")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        for name in ["proxy", "upstream"] {
            // One that did not start cannot be stopped.
            let _ = nginx(&self.config(name)).args(["-s", "stop"]).run();
        }
    }
}

fn nginx(config: &Path) -> Command {
    Command::new("nginx").quiet().arg("-c").arg(config)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn wait_for(port: u16) -> Result<()> {
    let start = Instant::now();
    while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        ensure!(start.elapsed() < Duration::from_mins(1), "nobody listens at port {port}");
    }
    Ok(())
}
