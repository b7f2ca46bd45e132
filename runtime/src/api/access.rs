//! Identifies the client of a request, and decides what it may do. Pure.

use crate::identity::{EnvId, KeyHash};
use crate::network::{Pool, ipv4};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// Where a request's connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The root-only unix socket.
    Socket,
    /// A TCP connection from this address.
    Address(IpAddr),
}

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// An administrator, who may do everything.
    Admin,
    /// A tenant, from its own subnet and with its own key.
    Tenant(EnvId),
    /// A client without a token.
    Anonymous,
    /// A client with a token that is not valid from its address.
    Unknown,
}

/// The tenant in whose subnet an address lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetOwner {
    /// Its number.
    pub id: EnvId,
    /// The hash of its key.
    pub key: KeyHash,
}

/// Why a client may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It has no valid token.
    Unauthorized,
    /// Its token is valid, but not for this.
    Forbidden,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket => f.write_str("socket"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// The client's kind; a tenant's number is said apart.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::Tenant(_) => "tenant",
            Self::Anonymous => "anonymous",
            Self::Unknown => "unknown",
        })
    }
}

impl Peer {
    /// The peer's IPv4 address, where it has one.
    pub fn ipv4(self) -> Option<Ipv4Addr> {
        match self {
            Self::Socket => None,
            Self::Address(address) => ipv4(address),
        }
    }
}

/// Identifies a client.
///
/// From a tenant's subnet, or anywhere in the pool, no token is an administrator's: an admin token that leaked into a tenant is useless
/// there. A tenant's key is valid from its own subnet only.
pub fn identify(peer: Peer, pool: Pool, owner: Option<SubnetOwner>, token: Option<&str>, admin: KeyHash) -> Client {
    // The owner as well as the pool: a tenant from before the pool was changed lies outside of it.
    let is_tenant_address = owner.is_some() || peer.ipv4().is_some_and(|address| pool.contains(address));
    match (peer, token) {
        // The mode of the socket's file lets root alone connect.
        (Peer::Socket, _) => Client::Admin,
        (Peer::Address(_), None) => Client::Anonymous,
        (Peer::Address(_), Some(token)) if is_tenant_address => match owner {
            // Hashes are compared: how long that takes tells nothing about the token.
            Some(owner) if owner.key == KeyHash::of(token) => Client::Tenant(owner.id),
            _ => Client::Unknown,
        },
        (Peer::Address(_), Some(token)) if admin == KeyHash::of(token) => Client::Admin,
        (Peer::Address(_), Some(_)) => Client::Unknown,
    }
}

impl Client {
    /// Whether this client may administer the service.
    pub fn may_administer(self) -> Result<(), Denied> {
        match self {
            Self::Admin => Ok(()),
            Self::Tenant(_) => Err(Denied::Forbidden),
            Self::Anonymous | Self::Unknown => Err(Denied::Unauthorized),
        }
    }

    /// Whether this client is an administrator or a tenant.
    pub fn is_known(self) -> Result<(), Denied> {
        match self {
            Self::Admin | Self::Tenant(_) => Ok(()),
            Self::Anonymous | Self::Unknown => Err(Denied::Unauthorized),
        }
    }

    /// Whether this client may read a tenant's status and logs.
    pub fn may_read(self, id: EnvId) -> Result<(), Denied> {
        match self {
            Self::Tenant(own) if own == id => Ok(()),
            other => other.may_administer(),
        }
    }
}

/// The token of an `Authorization` header (RFC 6750 section 2.1).
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const OWN: EnvId = EnvId(1);

    fn identified(peer: &str, owned: bool, token: Option<&str>) -> Client {
        let peer = if peer == "socket" { Peer::Socket } else { Peer::Address(peer.parse().unwrap()) };
        let tenant = owned.then(|| SubnetOwner { id: OWN, key: KeyHash::of("tenant") });
        identify(peer, "10.213.0.0/16".parse().unwrap(), tenant, token, KeyHash::of("admin"))
    }

    #[test]
    fn clients_are_identified_by_address_and_token() {
        for (peer, owned, token, client) in [
            ("socket", false, None, Client::Admin),
            ("socket", false, Some("nonsense"), Client::Admin),
            ("127.0.0.1", false, Some("admin"), Client::Admin),
            ("192.168.1.9", false, Some("admin"), Client::Admin),
            ("::1", false, Some("admin"), Client::Admin),
            ("127.0.0.1", false, None, Client::Anonymous),
            ("127.0.0.1", false, Some("tenant"), Client::Unknown),
            ("127.0.0.1", false, Some("admin "), Client::Unknown),
            // A tenant, in its own subnet.
            ("10.213.0.2", true, Some("tenant"), Client::Tenant(OWN)),
            ("::ffff:10.213.0.2", true, Some("tenant"), Client::Tenant(OWN)),
            ("10.213.0.2", true, None, Client::Anonymous),
            ("10.213.0.2", true, Some("admin"), Client::Unknown),
            ("10.213.0.2", true, Some("other"), Client::Unknown),
            // In the pool, in no tenant's subnet.
            ("10.213.9.2", false, Some("admin"), Client::Unknown),
            ("::ffff:10.213.9.2", false, Some("admin"), Client::Unknown),
            ("10.213.9.2", false, Some("tenant"), Client::Unknown),
            // A tenant whose subnet is from an earlier pool.
            ("172.20.0.2", true, Some("tenant"), Client::Tenant(OWN)),
            ("172.20.0.2", true, Some("admin"), Client::Unknown),
        ] {
            assert_eq!(identified(peer, owned, token), client, "{peer} {token:?}");
        }
    }

    #[test]
    fn a_tenant_reads_only_itself() {
        for (client, administer, own, other) in [
            (Client::Admin, Ok(()), Ok(()), Ok(())),
            (Client::Tenant(OWN), Err(Denied::Forbidden), Ok(()), Err(Denied::Forbidden)),
            (Client::Anonymous, Err(Denied::Unauthorized), Err(Denied::Unauthorized), Err(Denied::Unauthorized)),
            (Client::Unknown, Err(Denied::Unauthorized), Err(Denied::Unauthorized), Err(Denied::Unauthorized)),
        ] {
            assert_eq!(client.may_administer(), administer);
            assert_eq!(client.may_read(OWN), own);
            assert_eq!(client.may_read(EnvId(2)), other);
        }
    }

    #[test]
    fn reads_only_bearer_tokens() {
        for (header, token) in
            [("Bearer abc", Some("abc")), ("bearer  abc ", Some("abc")), ("Basic abc", None), ("abc", None), ("", None)]
        {
            assert_eq!(bearer(header), token, "{header:?}");
        }
    }
}
