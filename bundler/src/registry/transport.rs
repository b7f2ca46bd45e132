//! One exchange with a host: over TLS wherever it must be, and with redirects followed.

use super::credentials::Secret;
use super::resolver::NameResolver;
use super::settings::{RegistryArgs, is_loopback};
use super::{RegistryError, tls};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::http::{Response, header};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Timeout};
use url::Url;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(20);
/// How long a host may send nothing, or take nothing.
const STALL: Duration = Duration::from_secs(30);
/// Connections that are kept for a host: as many as blobs are read at a time.
const CONNECTIONS: usize = 8;
/// As many redirects as are followed: registries hand out the address of a store, which may have moved once.
const REDIRECTS: usize = 5;
/// What is read from a connection at once, in bytes.
const BUFFER: usize = 64 << 10;

const AGENT: &str = concat!("landfall-bundler/", env!("CARGO_PKG_VERSION"));

/// What a request asks for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) headers: Vec<(header::HeaderName, String)>,
    /// A form that is posted, instead of a request without a body.
    pub(super) form: Option<Vec<(&'static str, Secret)>>,
}

/// Clients of hosts, and over which scheme each is asked.
#[derive(Debug)]
pub(super) struct Transport {
    args: RegistryArgs,
    agents: Mutex<BTreeMap<String, Agent>>,
    schemes: Mutex<BTreeMap<String, &'static str>>,
}

impl Transport {
    pub(super) fn new(args: RegistryArgs) -> Self {
        Self { args, agents: Mutex::default(), schemes: Mutex::default() }
    }

    /// The address of a path at a registry. Hosts that may do without TLS are tried with it first.
    pub(super) fn address(&self, host: &str, path: &str) -> Result<Url, RegistryError> {
        let mut scheme = "https";
        if self.args.may_be_plain(host) {
            let mut schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
            scheme = match schemes.get(host) {
                Some(known) => known,
                None => self.scheme(host)?,
            };
            schemes.insert(host.to_owned(), scheme);
        }
        let address = format!("{scheme}://{host}{path}");
        address.parse().map_err(|_| answer(host, format!("{address} is no address")))
    }

    fn scheme(&self, host: &str) -> Result<&'static str, RegistryError> {
        let url = format!("https://{host}/v2/").parse().map_err(|_| answer(host, "its name is no host".to_owned()))?;
        match self.send(&Request { url, headers: Vec::new(), form: None }, None) {
            Ok(_) => Ok("https"),
            // It speaks TLS, and is not whom it should be.
            Err(error @ (RegistryError::Certificate { .. } | RegistryError::CaFile { .. })) => Err(error),
            Err(_) => Ok("http"),
        }
    }

    /// Sends a request, and follows redirects of one that posts nothing. The authorization is for the host of the request alone,
    /// and not for whoever stores its blobs.
    pub(super) fn send(&self, request: &Request, authorization: Option<&str>) -> Result<Response<Body>, RegistryError> {
        let mut url = request.url.clone();
        for _ in 0..=REDIRECTS {
            let authorization = authorization.filter(|_| url.origin() == request.url.origin());
            let response = self.exchange(&url, request, authorization)?;
            let target = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
            match target.filter(|_| response.status().is_redirection() && request.form.is_none()) {
                Some(target) => {
                    let next = url.join(target);
                    url = next.map_err(|_| answer(&host_of(&url), "it redirects to what is no address".to_owned()))?;
                }
                None => return Ok(response),
            }
        }
        Err(answer(&host_of(&request.url), "it redirects without end".to_owned()))
    }

    fn exchange(
        &self,
        url: &Url,
        request: &Request,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, RegistryError> {
        let host = host_of(url);
        match url.scheme() {
            "https" => {}
            // Nobody who was reached over TLS leads away from it, not even to this machine.
            "http" if self.args.may_be_plain(&host) && request.url.scheme() == "http" => {}
            "http" => return Err(RegistryError::Plain { host }),
            other => return Err(answer(&host, format!("it leads to an address of the kind {other}"))),
        }
        let agent = self.agent(&host)?;
        let headers = request.headers.iter().map(|(name, value)| (name.clone(), value.as_str()));
        let headers = headers.chain(authorization.map(|value| (header::AUTHORIZATION, value)));
        let sent = if let Some(form) = &request.form {
            let post = headers.fold(agent.post(url.as_str()), |post, (name, value)| post.header(name, value));
            post.send_form(form.iter().map(|(name, value)| (*name, &**value)))
        } else {
            headers.fold(agent.get(url.as_str()), |get, (name, value)| get.header(name, value)).call()
        };
        sent.map_err(|error| failed(host, &error))
    }

    /// The client for a host, which has the authorities that are trusted there.
    fn agent(&self, host: &str) -> Result<Agent, RegistryError> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(host) {
            return Ok(agent.clone());
        }
        let mut config = Agent::config_builder()
            .tls_config(tls::config(host, self.args.ca_file.as_deref())?)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(AGENT)
            // Layers are checked as they are stored.
            .accept_encoding("identity")
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(STALL))
            .timeout_per_write(Some(STALL))
            .max_idle_connections_per_host(CONNECTIONS)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER);
        if is_loopback(host) {
            config = config.proxy(None);
        }
        let agent = Agent::with_parts(config.build(), DefaultConnector::default(), NameResolver);
        agents.insert(host.to_owned(), agent.clone());
        Ok(agent)
    }
}

/// The host of an address, with its port where it is not the scheme's own.
pub(super) fn host_of(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn answer(host: &str, reason: String) -> RegistryError {
    RegistryError::Answer { host: host.to_owned(), reason }
}

/// An exchange that came to no response, or whose response ended early.
pub(super) fn failed(host: String, error: &ureq::Error) -> RegistryError {
    let unreachable = |host, reason: &str| RegistryError::Unreachable { host, reason: reason.to_owned() };
    match error {
        ureq::Error::HostNotFound => unreachable(host, "no host has this name"),
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => unreachable(host, "it does not answer"),
        ureq::Error::ConnectProxyFailed(reason) => unreachable(host, &format!("the proxy says {reason}")),
        ureq::Error::ConnectionFailed => unreachable(host, "it takes no connection"),
        ureq::Error::Timeout(_) => {
            RegistryError::Lost { host, reason: format!("nothing came for {} seconds", STALL.as_secs()) }
        }
        ureq::Error::Rustls(error) => of_tls(host, error),
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => of_tls(host, error),
            None if is_unreachable(error.kind()) => unreachable(host, &error.to_string()),
            None => RegistryError::Lost { host, reason: error.to_string() },
        },
        other => RegistryError::Answer { host, reason: other.to_string() },
    }
}

fn is_unreachable(kind: ErrorKind) -> bool {
    use ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(kind, AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkDown | NetworkUnreachable)
}

fn of_tls(host: String, error: &rustls::Error) -> RegistryError {
    match error {
        rustls::Error::InvalidCertificate(reason) => RegistryError::Certificate { host, reason: reason.to_string() },
        // Its first bytes are no TLS record.
        rustls::Error::InvalidMessage(_) => RegistryError::Plain { host },
        other => RegistryError::Lost { host, reason: other.to_string() },
    }
}
