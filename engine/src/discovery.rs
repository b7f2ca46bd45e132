//! Finds the engine where nobody names one: `DOCKER_HOST`, then Docker's socket, then Podman's.
//!
//! The three programs search alike and differ in what they accept. The bundler runs on a connected machine, where the
//! engine may be remote. The installer may run before the engine does, and writes down which one it expects. The runtime
//! needs an engine that is there.

use crate::address::{DOCKER_SOCKET, EngineAddress, EngineChoice, EngineKind, PODMAN_SOCKET, UNIX_SCHEME};
use std::path::{Path, PathBuf};

/// Docker's socket on a connected machine, which need not have `/run`.
const CONNECTED_SOCKET: &str = "/var/run/docker.sock";

/// What a search of this machine found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// `DOCKER_HOST`, where it is set and not empty.
    docker_host: Option<String>,
    /// The first of the well-known sockets that exists.
    socket: Option<PathBuf>,
}

/// No engine was found where one is required.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// `DOCKER_HOST` names an engine that is not on this host.
    #[error("DOCKER_HOST={0} is not a unix socket")]
    NotLocal(String),
    /// None of the well-known sockets exists.
    #[error("no container engine was found: neither {DOCKER_SOCKET} nor {PODMAN_SOCKET} exists")]
    NoSocket,
    /// The settings say that there is no engine.
    #[error("no container engine is configured")]
    Disabled,
}

impl Discovery {
    /// Reads `DOCKER_HOST` and looks for the sockets.
    pub fn on_this_machine() -> Self {
        Self::search(std::env::var("DOCKER_HOST").ok(), Path::exists)
    }

    fn search(docker_host: Option<String>, exists: impl Fn(&Path) -> bool) -> Self {
        let socket = [DOCKER_SOCKET, PODMAN_SOCKET].map(PathBuf::from).into_iter().find(|path| exists(path));
        // An empty variable is none, as for the docker command.
        Self { docker_host: docker_host.filter(|host| !host.is_empty()), socket }
    }

    fn named_socket(&self) -> Option<PathBuf> {
        self.docker_host.as_ref().and_then(|host| host.strip_prefix(UNIX_SCHEME)).map(PathBuf::from)
    }

    /// For the bundler: `DOCKER_HOST` in any form, otherwise Docker's socket, whether or not it exists.
    pub fn any_host(self) -> EngineAddress {
        match (self.named_socket(), self.docker_host) {
            (Some(path), _) => EngineAddress::Unix(path),
            (None, Some(url)) => EngineAddress::Url(url),
            (None, None) => EngineAddress::Unix(CONNECTED_SOCKET.into()),
        }
    }

    /// For the installer: the socket that `DOCKER_HOST` names, the first that exists, otherwise Docker's, which is expected
    /// to exist later. A `DOCKER_HOST` in another form is ignored: the engine of an isolated host is on the host.
    pub(crate) fn expected_socket(self) -> EngineAddress {
        let path = self.named_socket().or(self.socket).unwrap_or_else(|| DOCKER_SOCKET.into());
        EngineAddress::Unix(path)
    }

    /// For the runtime: the socket that `DOCKER_HOST` names, otherwise the first that exists.
    ///
    /// # Errors
    /// `DOCKER_HOST` is in another form, or no socket exists.
    pub(crate) fn existing_socket(self) -> Result<EngineAddress, DiscoveryError> {
        match (self.named_socket(), self.docker_host) {
            (Some(path), _) => Ok(EngineAddress::Unix(path)),
            // Not the socket that is there instead: somebody named another engine.
            (None, Some(url)) => Err(DiscoveryError::NotLocal(url)),
            (None, None) => self.socket.map(EngineAddress::Unix).ok_or(DiscoveryError::NoSocket),
        }
    }
}

impl EngineChoice {
    /// The address that the installer uses and records.
    pub fn expected_address(&self) -> EngineAddress {
        match self {
            Self::At(address) => address.clone(),
            Self::Auto => Discovery::on_this_machine().expected_socket(),
        }
    }

    /// Which engine the runtime connects to, as far as it is known.
    pub fn kind(&self) -> EngineKind {
        self.existing_address().map_or(EngineKind::Unknown, |address| address.kind())
    }

    /// The address that the runtime connects to ([`Discovery::existing_socket`]).
    ///
    /// # Errors
    /// As [`Discovery::existing_socket`].
    pub(crate) fn existing_address(&self) -> Result<EngineAddress, DiscoveryError> {
        match self {
            Self::At(address) => Ok(address.clone()),
            Self::Auto => Discovery::on_this_machine().existing_socket(),
        }
    }
}

impl EngineAddress {
    /// Whether the runtime needs no setting to find this engine. A service does not inherit an operator's `DOCKER_HOST`.
    pub fn is_default(&self) -> bool {
        *self == Self::None || *self == Discovery::search(None, Path::exists).expected_socket()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_finds_the_engine_that_it_accepts() {
        const DOCKER: &str = "unix:///run/docker.sock";
        const PODMAN: &str = "unix:///run/podman/podman.sock";
        const CONNECTED: &str = "unix:///var/run/docker.sock";
        const TCP: &str = "tcp://10.0.0.1:2375";
        let both: &[&str] = &[DOCKER_SOCKET, PODMAN_SOCKET];
        // DOCKER_HOST, the sockets that exist; what the bundler, the installer and the runtime use.
        for (docker_host, existing, bundler, installer, runtime) in [
            (Some("unix:///x.sock"), both, "unix:///x.sock", "unix:///x.sock", Some("unix:///x.sock")),
            (Some("unix:///x.sock"), &[], "unix:///x.sock", "unix:///x.sock", Some("unix:///x.sock")),
            (Some(TCP), both, TCP, DOCKER, None),
            (Some(TCP), &[PODMAN_SOCKET], TCP, PODMAN, None),
            (Some(""), both, CONNECTED, DOCKER, Some(DOCKER)),
            (None, both, CONNECTED, DOCKER, Some(DOCKER)),
            (None, &[PODMAN_SOCKET], CONNECTED, PODMAN, Some(PODMAN)),
            (None, &[], CONNECTED, DOCKER, None),
        ] {
            let exists = |path: &Path| existing.iter().any(|socket| path == Path::new(socket));
            let found = Discovery::search(docker_host.map(str::to_owned), exists);
            let case = format!("DOCKER_HOST={docker_host:?}, {existing:?}");
            assert_eq!(found.clone().any_host().to_string(), bundler, "{case}");
            assert_eq!(found.clone().expected_socket().to_string(), installer, "{case}");
            let used = found.existing_socket().ok().map(|address| address.to_string());
            assert_eq!(used.as_deref(), runtime, "{case}");
        }
    }
}
