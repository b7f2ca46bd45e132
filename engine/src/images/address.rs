//! Which engine, and where it listens.

use super::{Docker, Engine, EngineError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const DOCKER: &str = "/run/docker.sock";
const PODMAN: &str = "/run/podman/podman.sock";
const SCHEME: &str = "unix://";

/// What the operator says about the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineChoice {
    /// `DOCKER_HOST`, then Docker's socket, then Podman's.
    Auto,
    /// This one.
    At(EngineAddress),
}

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EngineAddress {
    /// There is none, and nothing is loaded.
    None,
    /// This unix socket.
    Unix(PathBuf),
}

/// The text names no engine that we can talk to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no engine: auto, docker, podman, none, or unix:// and the path of a socket")]
pub struct AddressError(String);

impl FromStr for EngineAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text {
            "none" => Ok(Self::None),
            "docker" => Ok(Self::Unix(DOCKER.into())),
            "podman" => Ok(Self::Unix(PODMAN.into())),
            other => match other.strip_prefix(SCHEME) {
                Some(path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
                _ => Err(AddressError(other.to_owned())),
            },
        }
    }
}

impl FromStr for EngineChoice {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::At) }
    }
}

impl TryFrom<String> for EngineAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<EngineAddress> for String {
    fn from(address: EngineAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Unix(path) => write!(f, "{SCHEME}{}", path.display()),
        }
    }
}

impl EngineChoice {
    /// The address that is meant on this machine. `docker_host` is the variable of that name; only unix sockets count, the
    /// engine of an isolated host is on the host.
    pub fn resolve(&self, docker_host: Option<&str>) -> EngineAddress {
        match self {
            Self::At(address) => address.clone(),
            Self::Auto => Self::find(docker_host, Path::exists),
        }
    }

    fn find(docker_host: Option<&str>, exists: impl Fn(&Path) -> bool) -> EngineAddress {
        let named = docker_host.and_then(|host| host.strip_prefix(SCHEME)).map(PathBuf::from);
        let podman = (!exists(Path::new(DOCKER)) && exists(Path::new(PODMAN))).then(|| PathBuf::from(PODMAN));
        EngineAddress::Unix(named.or(podman).unwrap_or_else(|| DOCKER.into()))
    }
}

impl EngineAddress {
    /// Whether the runtime finds this engine by itself, without being told.
    pub fn is_what_auto_finds(&self) -> bool {
        *self == Self::None || *self == EngineChoice::find(None, Path::exists)
    }

    /// Gets ready to talk to the engine; `None` where there is none to talk to.
    pub fn connect(&self) -> Result<Option<Box<dyn Engine>>, EngineError> {
        match self {
            Self::None => Ok(None),
            Self::Unix(path) => Ok(Some(Box::new(Docker::connect(path)?))),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn finds_docker_host_then_docker_then_podman() {
        let both = |path: &Path| path == Path::new(DOCKER) || path == Path::new(PODMAN);
        let podman = |path: &Path| path == Path::new(PODMAN);
        let nothing = |_: &Path| false;
        let find = |host, exists: &dyn Fn(&Path) -> bool| EngineChoice::find(host, exists).to_string();
        assert_eq!(find(Some("unix:///x.sock"), &both), "unix:///x.sock");
        assert_eq!(find(Some("tcp://10.0.0.1:2375"), &both), "unix:///run/docker.sock");
        assert_eq!(find(None, &podman), "unix:///run/podman/podman.sock");
        assert_eq!(find(None, &nothing), "unix:///run/docker.sock");
    }

    #[test]
    fn has_one_spelling_that_is_read_again() {
        for text in ["none", "unix:///run/docker.sock"] {
            assert_eq!(text.parse::<EngineAddress>().unwrap().to_string(), text);
        }
        for wrong in ["", "tcp://localhost:2375", "unix://run/docker.sock", "Docker"] {
            assert!(wrong.parse::<EngineChoice>().is_err(), "{wrong}");
        }
    }
}
