//! The address of an engine, as people write it and as records hold it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Docker's socket, as its packages for distributions and systemd set it up.
pub(crate) const DOCKER_SOCKET: &str = "/run/docker.sock";
/// The socket of Podman's system service.
pub(crate) const PODMAN_SOCKET: &str = "/run/podman/podman.sock";
/// How the sockets' paths end, wherever `/run` is.
const NAME_OF_DOCKERS: &str = "run/docker.sock";
const NAME_OF_PODMANS: &str = "run/podman/podman.sock";
/// How the address of a unix socket begins in `DOCKER_HOST`, in settings and in records.
pub(crate) const UNIX_SCHEME: &str = "unix://";

/// Which engine to use, as the operator says it: `--engine` of the installer, `[engine] socket` of the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineChoice {
    /// The engine that [`Discovery`](crate::Discovery) finds.
    Auto,
    /// The engine at this address.
    At(EngineAddress),
}

/// Where an engine listens. The text form, in records too, is `none` or `unix:///PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EngineAddress {
    /// There is no engine: no images are loaded.
    None,
    /// A unix socket on this host.
    Unix(PathBuf),
    /// An address in another form that `DOCKER_HOST` takes, such as `tcp://10.0.0.1:2375`. Only the bundler uses one, for a
    /// single command; it is not parsed from text, and no record holds it.
    Url(String),
}

/// Which engine an address leads to, as far as its socket tells. Messages name its own unit and program, and nobody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// It is not told by the socket, or there is none.
    Unknown,
}

impl EngineAddress {
    /// Which engine listens there, by the names that Docker and Podman give their sockets.
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Unix(path) if path.ends_with(NAME_OF_DOCKERS) => EngineKind::Docker,
            Self::Unix(path) if path.ends_with(NAME_OF_PODMANS) => EngineKind::Podman,
            Self::None | Self::Unix(_) | Self::Url(_) => EngineKind::Unknown,
        }
    }
}

/// The text is not the address of an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an engine: use auto, docker, podman, none, or unix:// and the absolute path of a socket")]
pub struct AddressError(String);

impl FromStr for EngineAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text {
            "none" => Ok(Self::None),
            "docker" => Ok(Self::Unix(DOCKER_SOCKET.into())),
            "podman" => Ok(Self::Unix(PODMAN_SOCKET.into())),
            other => match other.strip_prefix(UNIX_SCHEME) {
                // Absolute, because a record is read wherever its reader was started.
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
            Self::Unix(path) => write!(f, "{UNIX_SCHEME}{}", path.display()),
            Self::Url(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_told_by_its_socket() {
        for (text, kind) in [
            ("docker", EngineKind::Docker),
            ("unix:///var/run/docker.sock", EngineKind::Docker),
            ("podman", EngineKind::Podman),
            ("unix:///run/user/0/engine.sock", EngineKind::Unknown),
            ("none", EngineKind::Unknown),
        ] {
            assert_eq!(text.parse::<EngineAddress>().unwrap().kind(), kind, "{text}");
        }
    }

    #[test]
    fn an_address_is_written_as_it_is_read() {
        for text in ["none", "unix:///run/docker.sock"] {
            assert_eq!(text.parse::<EngineAddress>().unwrap().to_string(), text);
        }
        for wrong in ["", "tcp://localhost:2375", "unix://run/docker.sock", "Docker"] {
            assert!(wrong.parse::<EngineChoice>().is_err(), "{wrong}");
        }
    }
}
