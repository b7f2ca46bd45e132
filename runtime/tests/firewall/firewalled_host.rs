//! A host and its tenant in two real network namespaces, with `landfall firewall hold` between them.
//!
//! What passes is counted in the host's own hooks, before and after those of the table, so that a packet that was dropped shows by
//! the counters and not by a wait for an answer. No verdict depends on how fast the machine is.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const API: u16 = 3000;
pub(crate) const SSH: u16 = 22;
/// The gateways of two tenants.
pub(crate) const GATEWAY: &str = "10.213.0.1";
pub(crate) const OTHER_GATEWAY: &str = "10.213.0.9";

/// How long to wait for what must happen: far longer than it takes on the slowest machine.
const LIMIT: Duration = Duration::from_mins(5);

/// A host and a tenant on a bridge's name, and the program that stands between them.
pub(crate) struct FirewalledHost {
    name: String,
    pub(crate) root: TempDir,
    holder: Option<Holder>,
}

/// A running `landfall firewall hold`, and what it logs.
struct Holder {
    process: Child,
    lines: Receiver<String>,
    log: String,
}

impl FirewalledHost {
    pub(crate) fn new(test: &str) -> Self {
        let site = Self {
            name: format!("landfall-{test}-{}", std::process::id()),
            root: TempDir::new().unwrap(),
            holder: None,
        };
        let (host, tenant) = (site.host(), site.tenant());
        for arguments in [
            format!("netns add {host}"),
            format!("netns add {tenant}"),
            format!("-n {host} link add lft1 type veth peer name eth0 netns {tenant}"),
            format!("-n {host} address add 10.213.0.1/29 dev lft1"),
            format!("-n {host} link set lft1 up"),
            format!("-n {tenant} address add 10.213.0.2/29 dev eth0"),
            format!("-n {tenant} link set eth0 up"),
        ] {
            ok(Command::new("ip").args(arguments.split(' ')), "iproute2");
        }
        // Without the table; the link takes a moment to come up.
        wait_until(|| site.reaches(SSH) && site.reaches(API));
        site
    }

    fn host(&self) -> String {
        format!("{}-h", self.name)
    }

    fn tenant(&self) -> String {
        format!("{}-t", self.name)
    }

    pub(crate) fn on_host(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.host(), program]);
        command
    }

    fn on_tenant(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.tenant(), program]);
        command
    }

    /// Whether a tenant's call to this port of the host passes the tables.
    ///
    /// A later packet from the same processor tells when the first has been dealt with: the host takes them in their order.
    pub(crate) fn reaches(&self, port: u16) -> bool {
        let rules = format!(
            "add table inet probe; delete table inet probe; table inet probe {{
                counter called {{}}
                counter later {{}}
                counter passed {{}}
                chain first {{
                    type filter hook input priority -300;
                    tcp dport {port} counter name called;
                    udp dport {port} counter name later;
                }}
                chain last {{ type filter hook input priority 0; tcp dport {port} counter name passed; }}
            }}"
        );
        ok(self.on_host("nft").arg(rules), "nftables");
        let send = |what: &str| {
            let mut command = self.on_tenant("taskset");
            command.args(["--cpu-list", &processor(), "bash", "-c", what]).stderr(Stdio::null());
            Running(command.spawn().unwrap())
        };
        let _call = send(&format!("exec 3<>/dev/tcp/10.213.0.1/{port}"));
        wait_until(|| self.counted("probe", "called") > 0);
        let _later = send(&format!("exec 3<>/dev/udp/10.213.0.1/{port}; echo >&3"));
        wait_until(|| self.counted("probe", "later") > 0);
        self.counted("probe", "passed") > 0
    }

    pub(crate) fn settings(&self, text: &str) {
        let folder = self.root.path().join("etc/landfall");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), text).unwrap();
    }

    /// Starts the holder, with `path` ahead of the host's programs, and waits until it tells systemd that it is ready.
    pub(crate) fn hold(&mut self, path: &str) {
        let socket = self.root.path().join("notify");
        // That of an earlier holder.
        let _ = fs::remove_file(&socket);
        let supervisor = UnixDatagram::bind(&socket).unwrap();
        supervisor.set_read_timeout(Some(LIMIT)).unwrap();
        let mut command = self.on_host(env!("CARGO_BIN_EXE_landfall"));
        command.args(["firewall", "hold", "--root"]).arg(self.root.path()).env("NOTIFY_SOCKET", &socket);
        command.env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap())).stderr(Stdio::piped());
        self.holder = Some(Holder::new(command.spawn().unwrap()));
        let mut received = [0; 512];
        let told = loop {
            match supervisor.recv(&mut received) {
                // Who is stopped and goes on is interrupted, since there is a limit of time (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let length = told.unwrap_or_else(|error| panic!("it did not say that it is ready: {error}: {}", self.end()));
        assert!(String::from_utf8_lossy(&received[..length]).contains("READY=1"));
    }

    /// `ip netns exec` becomes the program that it runs.
    fn holder(&self) -> u32 {
        self.holder.as_ref().unwrap().process.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(name, &self.holder().to_string());
    }

    /// How many connections the host's kernel remembers.
    pub(crate) fn tracked(&self) -> u32 {
        let command = ["cat", "/proc/sys/net/netfilter/nf_conntrack_count"];
        let read = output(self.on_host(command[0]).arg(command[1]), "iproute2");
        String::from_utf8(read.stdout).unwrap().trim().parse().unwrap()
    }

    /// Calls of the tenant to this port of the host, which all have arrived there, and which nobody answers: not even with a reset, at
    /// which the kernel would forget them.
    pub(crate) fn calls(&self, port: u16, number: u64) -> Vec<Running> {
        let rules = format!(
            "table inet silent {{
                counter arrived {{}}
                chain last {{ type filter hook input priority 0; tcp dport {port} tcp flags syn counter name arrived; }}
                chain answers {{ type filter hook output priority -310; tcp flags & rst == rst drop; }}
            }}"
        );
        ok(self.on_host("nft").arg(rules), "nftables");
        let calls = self.call(GATEWAY, port, number);
        wait_until(|| self.counted("silent", "arrived") >= number);
        calls
    }

    /// Processes of a tenant, each of which calls this port once.
    pub(crate) fn call(&self, gateway: &str, port: u16, number: u64) -> Vec<Running> {
        let call = |_| {
            let mut command = self.on_tenant("bash");
            command.args(["-c", &format!("exec 3<>/dev/tcp/{gateway}/{port}")]).stderr(Stdio::null());
            Running(command.spawn().unwrap())
        };
        (0..number).map(call).collect()
    }

    /// Adds another tenant's bridge, and counts the calls of the API that come in from each of the two, and those that no table of ours drops.
    pub(crate) fn count_calls_of_two(&self) {
        let (host, tenant) = (self.host(), self.tenant());
        for arguments in [
            format!("-n {host} link add lft2 type veth peer name eth1 netns {tenant}"),
            format!("-n {host} address add {OTHER_GATEWAY}/29 dev lft2"),
            format!("-n {host} link set lft2 up"),
            format!("-n {tenant} address add 10.213.0.10/29 dev eth1"),
            format!("-n {tenant} link set eth1 up"),
        ] {
            ok(Command::new("ip").args(arguments.split(' ')), "iproute2");
        }
        let each = |what: &str| {
            [1, 2]
                .map(|link| format!("iifname lft{link} tcp dport {API} tcp flags syn counter name {what}{link};"))
                .concat()
        };
        let rules = format!(
            "table inet calls {{
                counter sent1 {{}}; counter sent2 {{}}; counter passed1 {{}}; counter passed2 {{}}
                chain first {{ type filter hook input priority -300; {} }}
                chain last {{ type filter hook input priority 0; {} }}
            }}",
            each("sent"),
            each("passed")
        );
        ok(self.on_host("nft").arg(rules), "nftables");
    }

    /// Waits until the holder has logged the event this many times.
    pub(crate) fn until_logged(&mut self, event: &str, times: usize) {
        let holder = self.holder.as_mut().unwrap();
        while holder.log.matches(event).count() < times {
            match holder.lines.recv_timeout(LIMIT) {
                Ok(line) => holder.log.push_str(&line),
                Err(error) => panic!("no {event}: {error}\n{}", holder.log),
            }
        }
    }

    /// Kills the holder.
    pub(crate) fn kill(&mut self) {
        let mut holder = self.holder.take().unwrap();
        holder.process.kill().unwrap();
        holder.process.wait().unwrap();
    }

    /// The process that owns the table: the oldest child of the holder, and its only lasting one.
    pub(crate) fn owner(&self) -> String {
        let children = format!("/proc/{0}/task/{0}/children", self.holder());
        let text = fs::read_to_string(children).unwrap();
        text.split_whitespace().next().unwrap_or_default().to_owned()
    }

    pub(crate) fn nft(&self, command: &str) -> Output {
        output(self.on_host("nft").args(command.split(' ')), "nftables")
    }

    pub(crate) fn has_table(&self) -> bool {
        self.nft("list table inet landfall").status.success()
    }

    pub(crate) fn has_standby(&self) -> bool {
        self.nft("list table inet landfall_standby").status.success()
    }

    /// Whether all rules of both tables are there: each drops in four places.
    pub(crate) fn is_whole(&self) -> bool {
        String::from_utf8_lossy(&self.nft("list ruleset").stdout).matches("drop").count() == 8
    }

    /// Removes what outlives the holder.
    pub(crate) fn clear(&self) -> Output {
        let mut command = self.on_host(env!("CARGO_BIN_EXE_landfall"));
        output(command.args(["firewall", "clear", "--json", "--root"]).arg(self.root.path()), "iproute2")
    }

    /// Counts the tenant's packets to SSH: those that arrive, and those that no table of ours drops.
    pub(crate) fn count(&self) {
        let rules = "table inet count {
            counter sent {}
            counter passed {}
            chain first { type filter hook input priority -300; udp dport 22 counter name sent; }
            chain last { type filter hook input priority 0; udp dport 22 counter name passed; }
        }";
        ok(self.on_host("nft").arg(rules), "nftables");
    }

    /// How many packets a counter of this table has seen.
    pub(crate) fn counted(&self, table: &str, name: &str) -> u64 {
        let listed = self.nft(&format!("list counter inet {table} {name}"));
        let text = String::from_utf8(listed.stdout).unwrap();
        let number = text.split_once("packets ").unwrap().1.split(' ').next().unwrap();
        number.parse().unwrap()
    }

    /// Sends packets to SSH as fast as the tenant can, until it is dropped.
    pub(crate) fn flood(&self) -> Running {
        let script = "exec 3<>/dev/udp/10.213.0.1/22; while :; do echo >&3; done";
        let mut command = self.on_tenant("bash");
        Running(command.args(["-c", script]).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Tells the holder to end, and returns what it logged.
    pub(crate) fn end(&mut self) -> String {
        self.signal("TERM");
        let mut holder = self.holder.take().unwrap();
        holder.log.extend(holder.lines.iter());
        assert!(holder.process.wait().unwrap().success(), "{}", holder.log);
        holder.log
    }
}

impl Holder {
    fn new(mut process: Child) -> Self {
        let (sender, lines) = mpsc::channel();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|length| length > 0) {
                let _ = sender.send(std::mem::take(&mut line));
            }
        });
        Self { process, lines, log: String::new() }
    }
}

/// A process that is killed when this is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for FirewalledHost {
    fn drop(&mut self) {
        if let Some(mut holder) = self.holder.take() {
            let _ = holder.process.kill();
            let _ = holder.process.wait();
        }
        for namespace in [self.host(), self.tenant()] {
            let _ = Command::new("ip").args(["netns", "delete", &namespace]).output();
        }
    }
}

fn output(command: &mut Command, package: &str) -> Output {
    match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let program = command.get_program().display();
            panic!("this test needs `{program}`: install the package `{package}`")
        }
        other => other.unwrap(),
    }
}

/// Runs what must succeed; it needs root.
pub(crate) fn ok(command: &mut Command, package: &str) {
    let output = output(command, package);
    assert!(output.status.success(), "{command:?} (as root?): {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn signal(name: &str, process: &str) {
    ok(Command::new("bash").args(["-c", &format!("kill -{name} {process}")]), "bash");
}

/// One of the processors that this test may run on.
fn processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    allowed.split([',', '-']).next().unwrap().to_owned()
}

/// Waits until `done`, and returns how long that took.
#[track_caller]
pub(crate) fn wait_until(done: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}");
        sleep(Duration::from_millis(2));
    }
    start.elapsed()
}
