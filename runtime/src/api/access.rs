//! Who is calling, and what they may do. Pure.

use crate::identity::{EnvId, KeyHash};
use crate::network::{Pool, ipv4};
use std::net::{IpAddr, Ipv4Addr};

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The root-only unix socket.
    Socket,
    /// An address.
    Address(IpAddr),
}

/// Who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Somebody who may do everything.
    Manager,
    /// A tenant, from its own network and with its own key.
    Tenant(EnvId),
    /// Somebody without a token.
    Anonymous,
    /// Somebody with a token that is not valid where they are.
    Stranger,
}

/// The tenant that an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub id: EnvId,
    /// The hash of its key.
    pub key: KeyHash,
}

/// Why a caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// A valid token is missing.
    Unauthorized,
    /// The token is valid, and not for this.
    Forbidden,
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

/// Tells who is calling.
///
/// From a tenant's subnet, or anywhere in the pool, nobody is a manager: an admin token that leaked into a tenant opens nothing. A
/// tenant's key is worth something in its own subnet alone.
pub fn identify(peer: Peer, pool: Pool, owner: Option<Owner>, token: Option<&str>, admin: KeyHash) -> Caller {
    let tenants_side = owner.is_some() || peer.ipv4().is_some_and(|address| pool.contains(address));
    match (peer, token) {
        (Peer::Socket, _) => Caller::Manager,
        (Peer::Address(_), None) => Caller::Anonymous,
        (Peer::Address(_), Some(token)) if tenants_side => match owner {
            Some(owner) if owner.key == KeyHash::of(token) => Caller::Tenant(owner.id),
            _ => Caller::Stranger,
        },
        (Peer::Address(_), Some(token)) if admin == KeyHash::of(token) => Caller::Manager,
        (Peer::Address(_), Some(_)) => Caller::Stranger,
    }
}

impl Caller {
    /// Whether this caller may manage.
    pub fn may_manage(self) -> Result<(), Denied> {
        match self {
            Self::Manager => Ok(()),
            Self::Tenant(_) => Err(Denied::Forbidden),
            Self::Anonymous | Self::Stranger => Err(Denied::Unauthorized),
        }
    }

    /// Whether this caller is known.
    pub fn is_known(self) -> Result<(), Denied> {
        match self {
            Self::Manager | Self::Tenant(_) => Ok(()),
            Self::Anonymous | Self::Stranger => Err(Denied::Unauthorized),
        }
    }

    /// Whether this caller may look at a tenant.
    pub fn may_look_at(self, id: EnvId) -> Result<(), Denied> {
        match self {
            Self::Tenant(own) if own == id => Ok(()),
            other => other.may_manage(),
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

    fn who(peer: &str, owned: bool, token: Option<&str>) -> Caller {
        let peer = if peer == "socket" { Peer::Socket } else { Peer::Address(peer.parse().unwrap()) };
        let tenant = owned.then(|| Owner { id: OWN, key: KeyHash::of("tenant") });
        identify(peer, "10.213.0.0/16".parse().unwrap(), tenant, token, KeyHash::of("admin"))
    }

    #[test]
    fn callers_are_told_apart_by_place_and_token() {
        for (peer, owned, token, caller) in [
            ("socket", false, None, Caller::Manager),
            ("socket", false, Some("nonsense"), Caller::Manager),
            ("127.0.0.1", false, Some("admin"), Caller::Manager),
            ("192.168.1.9", false, Some("admin"), Caller::Manager),
            ("::1", false, Some("admin"), Caller::Manager),
            ("127.0.0.1", false, None, Caller::Anonymous),
            ("127.0.0.1", false, Some("tenant"), Caller::Stranger),
            ("127.0.0.1", false, Some("admin "), Caller::Stranger),
            // A tenant, in its own subnet.
            ("10.213.0.2", true, Some("tenant"), Caller::Tenant(OWN)),
            ("::ffff:10.213.0.2", true, Some("tenant"), Caller::Tenant(OWN)),
            ("10.213.0.2", true, None, Caller::Anonymous),
            ("10.213.0.2", true, Some("admin"), Caller::Stranger),
            ("10.213.0.2", true, Some("other"), Caller::Stranger),
            // In the pool, in nobody's subnet.
            ("10.213.9.2", false, Some("admin"), Caller::Stranger),
            ("::ffff:10.213.9.2", false, Some("admin"), Caller::Stranger),
            ("10.213.9.2", false, Some("tenant"), Caller::Stranger),
            // A tenant whose subnet is from a pool of earlier settings.
            ("172.20.0.2", true, Some("tenant"), Caller::Tenant(OWN)),
            ("172.20.0.2", true, Some("admin"), Caller::Stranger),
        ] {
            assert_eq!(who(peer, owned, token), caller, "{peer} {token:?}");
        }
    }

    #[test]
    fn tenants_see_themselves_alone() {
        for (caller, manage, own, other) in [
            (Caller::Manager, Ok(()), Ok(()), Ok(())),
            (Caller::Tenant(OWN), Err(Denied::Forbidden), Ok(()), Err(Denied::Forbidden)),
            (Caller::Anonymous, Err(Denied::Unauthorized), Err(Denied::Unauthorized), Err(Denied::Unauthorized)),
            (Caller::Stranger, Err(Denied::Unauthorized), Err(Denied::Unauthorized), Err(Denied::Unauthorized)),
        ] {
            assert_eq!(caller.may_manage(), manage);
            assert_eq!(caller.may_look_at(OWN), own);
            assert_eq!(caller.may_look_at(EnvId(2)), other);
        }
    }

    #[test]
    fn reads_bearer_tokens_and_nothing_else() {
        for (header, token) in
            [("Bearer abc", Some("abc")), ("bearer  abc ", Some("abc")), ("Basic abc", None), ("abc", None), ("", None)]
        {
            assert_eq!(bearer(header), token, "{header:?}");
        }
    }
}
