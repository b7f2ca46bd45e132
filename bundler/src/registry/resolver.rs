//! Names of hosts, without glibc's NSS: it loads libraries of the machine that it runs on, which a static program cannot.

use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver as Lookup, TokioResolver};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::runtime::{Builder, Runtime};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

/// As many addresses of a host as are tried.
const ADDRESSES: usize = 8;

/// Looks into `/etc/hosts`, and asks the servers of `/etc/resolv.conf`.
pub(super) struct NameResolver;

impl fmt::Debug for NameResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameResolver")
    }
}

impl Resolver for NameResolver {
    fn resolve(&self, uri: &Uri, _: &Config, limit: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = match (bare.parse(), bare) {
            (Ok(address), _) => vec![address],
            // Whatever a server would say (RFC 6761, section 6.3).
            (_, "localhost") => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            (Err(_), name) => look_up(name, limit)?,
        };
        let mut addresses = self.empty();
        for address in found.into_iter().take(ADDRESSES) {
            addresses.push(SocketAddr::new(address, port));
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// A resolver for each look-up: there are few of them, since connections are kept.
fn look_up(name: &str, limit: NextTimeout) -> Result<Vec<IpAddr>, Error> {
    let runtime: Runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let resolver = resolver().map_err(|error| failed(&error))?;
        let found = tokio::time::timeout(*limit.after, resolver.lookup_ip(name)).await;
        match found.map_err(|_| Error::Timeout(Timeout::Resolve))? {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => Err(Error::HostNotFound),
            Err(error) => Err(failed(&error)),
        }
    })
}

fn resolver() -> Result<TokioResolver, NetError> {
    // A machine without a name server may still have names in /etc/hosts.
    let mut builder = TokioResolver::builder_tokio()
        .unwrap_or_else(|_| Lookup::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default()));
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

fn failed(error: &NetError) -> Error {
    io::Error::new(io::ErrorKind::HostUnreachable, format!("its name cannot be resolved: {error}")).into()
}
