use super::reference::{is_host, is_repository};
use std::net::IpAddr;
use std::path::PathBuf;

/// How registries are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Registries")]
pub(crate) struct RegistryArgs {
    /// Ask MIRROR, a host that may be followed by a path, before the registry HOST; may be given several times
    #[arg(long = "registry-mirror", value_name = "HOST=MIRROR", value_parser = mirror)]
    mirrors: Vec<Mirror>,
    /// Let the registry HOST be asked over HTTP without TLS, as loopback addresses may be; may be given several times
    #[arg(long = "insecure-registry", value_name = "HOST", value_parser = host)]
    insecure: Vec<String>,
    /// Trust the authorities whose certificates (PEM) are in FILE besides those that this machine trusts
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
}

/// A registry that is asked in place of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    upstream: String,
    pub(super) host: String,
    /// What stands before the names of repositories there: empty, or a path and a slash.
    pub(super) prefix: String,
}

impl RegistryArgs {
    /// The mirrors of a host, the first to be asked first.
    pub(super) fn mirrors_of<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Mirror> {
        self.mirrors.iter().filter(move |mirror| mirror.upstream == host)
    }

    /// The same, where this host, too, may be asked without TLS.
    pub(super) fn allowing_plain(mut self, host: String) -> Self {
        self.insecure.push(host);
        self
    }

    /// Whether a host, with its port, may be asked without TLS.
    pub(super) fn may_be_plain(&self, host: &str) -> bool {
        let name = name_of(host);
        is_loopback(host) || self.insecure.iter().any(|insecure| insecure == host || insecure == name)
    }
}

/// Whether a host, with its port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = name_of(host);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    let end = host.rfind(']').map_or(0, |bracket| bracket + 1);
    host[end..].find(':').map_or(host, |colon| &host[..end + colon])
}

fn host(text: &str) -> Result<String, String> {
    if is_host(text) { Ok(text.to_owned()) } else { Err("write a host, such as registry.lan:5000".to_owned()) }
}

fn mirror(text: &str) -> Result<Mirror, String> {
    let (upstream, mirror) = text.split_once('=').ok_or("write HOST=MIRROR, such as docker.io=mirror.lan:5000")?;
    let (mirror, path) = mirror.split_once('/').map_or((mirror, None), |(host, path)| (host, Some(path)));
    if path.is_some_and(|path| !is_repository(path)) {
        return Err("what follows the host of a mirror is no path of repositories".to_owned());
    }
    let prefix = path.map_or_else(String::new, |path| format!("{path}/"));
    Ok(Mirror { upstream: host(upstream)?, host: host(mirror)?, prefix })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_named_hosts_may_do_without_tls() {
        let named = ["registry.lan", "other.lan:5000"].map(str::to_owned).to_vec();
        let args = RegistryArgs { insecure: named, ..RegistryArgs::default() };
        for (host, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("[::1]", true),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
            ("10.0.0.1:5000", false),
            ("[2001:db8::1]:5000", false),
            ("registry.lan", true),
            ("registry.lan:443", true),
            ("other.lan:5000", true),
            ("other.lan", false),
            ("other.lan:5001", false),
        ] {
            assert_eq!(args.may_be_plain(host), expected, "{host}");
        }
    }

    #[test]
    fn a_mirror_is_a_host_and_perhaps_a_path() {
        let made = |host: &str, prefix: &str| Mirror {
            upstream: "docker.io".to_owned(),
            host: host.to_owned(),
            prefix: prefix.to_owned(),
        };
        assert_eq!(mirror("docker.io=m.lan:5000").unwrap(), made("m.lan:5000", ""));
        assert_eq!(mirror("docker.io=m.lan/hub/x").unwrap(), made("m.lan", "hub/x/"));
        for wrong in ["docker.io", "=m.lan", "docker.io=", "docker.io=m.lan/", "docker.io=http://m.lan", "a=b/../c"] {
            assert!(mirror(wrong).is_err(), "{wrong}");
        }
    }
}
