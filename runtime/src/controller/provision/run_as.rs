//! The user that a tenant runs as: never root.
//!
//! Volumes must belong to that user before the container starts, which takes numbers. An image that names nobody in particular gets one of
//! the tenant's own: one that names no user, root, or 65532 (`nonroot` in distroless images). Two tenants with one user could signal each
//! other's processes from the host's point of view, and use up each other's limits that the kernel counts by user. Any other number is used as it is, with
//! the group of the same number unless the image names one. A name is looked up in the image's own `/etc/passwd`.

use crate::identity::EnvId;
use std::fmt;

/// A user and a group by number. The user is not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct RunAs {
    pub(in crate::controller) uid: u32,
    pub(in crate::controller) gid: u32,
}

/// The user of images that need one, but none in particular.
const NONROOT: u32 = 65532;
/// The numbers of tenants' own users: a range that neither distributions nor systemd give to anybody (systemd, "Users, Groups, UIDs and
/// GIDs on systemd Systems"), and that fits into 31 bits.
const FIRST: u32 = 2_000_000_000;
const COUNT: i64 = 100_000_000;

impl RunAs {
    /// A tenant's own user. It follows from its number, so that its volumes are its own for good.
    fn own(tenant: EnvId) -> Self {
        // The remainder of a positive number, below `COUNT`: it fits.
        let uid = FIRST + u32::try_from(tenant.0.rem_euclid(COUNT)).unwrap_or_default();
        Self { uid, gid: uid }
    }
}

impl fmt::Display for RunAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

/// The user that an image names (OCI image configuration, `config.User`).
#[derive(Debug, PartialEq, Eq)]
pub(in crate::controller) enum ImageUser<'a> {
    /// By number: no look-up is needed.
    Known(RunAs),
    /// By name, which must be looked up; and a group by number where one is given.
    Named(&'a str, Option<u32>),
}

/// Reads `user`, `uid`, `user:group`, `uid:gid`, `uid:group` or `user:gid`.
pub(in crate::controller) fn parse(user: &str, tenant: EnvId) -> ImageUser<'_> {
    // A group by name is passed over, and the user's own is taken: images need not have /etc/group.
    let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, group.parse().ok()));
    match user.parse::<u32>() {
        Ok(0 | NONROOT) => ImageUser::Known(RunAs::own(tenant)),
        Ok(uid) => ImageUser::Known(RunAs { uid, gid: group.unwrap_or(uid) }),
        Err(_) if user.is_empty() || user == "root" => ImageUser::Known(RunAs::own(tenant)),
        Err(_) => ImageUser::Named(user, group),
    }
}

/// Looks a name up in the text of a passwd(5) file. A name with the number of root or [`NONROOT`] gets the tenant's own user, too.
pub(in crate::controller) fn look_up(passwd: &str, name: &str, group: Option<u32>, tenant: EnvId) -> Option<RunAs> {
    let mut fields = passwd.lines().map(|line| line.split(':')).find_map(|mut line| {
        let found = line.next() == Some(name);
        // Behind the name comes the password, then both numbers (passwd(5)).
        found.then(|| line.skip(1))
    })?;
    let uid: u32 = fields.next()?.parse().ok()?;
    let gid: u32 = fields.next()?.parse().ok()?;
    Some(match uid {
        0 | NONROOT => RunAs::own(tenant),
        uid => RunAs { uid, gid: group.unwrap_or(gid) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_number_and_nobody_need_no_lookup() {
        for (user, expected) in [
            ("", "2000000007:2000000007"),
            ("0", "2000000007:2000000007"),
            ("0:0", "2000000007:2000000007"),
            ("root", "2000000007:2000000007"),
            ("root:root", "2000000007:2000000007"),
            ("65532:65532", "2000000007:2000000007"),
            ("1000", "1000:1000"),
            ("1000:50", "1000:50"),
            ("1000:staff", "1000:1000"),
        ] {
            let ImageUser::Known(known) = parse(user, EnvId(7)) else { panic!("{user:?} needs a lookup") };
            assert_eq!(known.to_string(), expected, "{user:?}");
        }
        assert_eq!(parse("node", EnvId(7)), ImageUser::Named("node", None));
        assert_eq!(parse("node:7", EnvId(7)), ImageUser::Named("node", Some(7)));
    }

    #[test]
    fn names_are_those_of_the_image() {
        let passwd = "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:\nbroken\nnode:x:1000:1001::/:/bin/sh\nodd:x:a:b\n\
                      nonroot:x:65532:65532::/:\n";
        let found = |name, group| look_up(passwd, name, group, EnvId(7)).map(|user| user.to_string());
        assert_eq!(found("node", None).as_deref(), Some("1000:1001"));
        assert_eq!(found("node", Some(7)).as_deref(), Some("1000:7"));
        assert_eq!(found("toor", None).as_deref(), Some("2000000007:2000000007"));
        assert_eq!(found("nonroot", Some(7)).as_deref(), Some("2000000007:2000000007"));
        for missing in ["nod", "broken", "odd", ""] {
            assert_eq!(found(missing, None), None, "{missing}");
        }
    }

    #[test]
    fn every_tenants_own_user_lies_in_its_range() {
        for (tenant, uid) in [(0, 2_000_000_000), (1, 2_000_000_001), (99_999_999, 2_099_999_999)] {
            assert_eq!(RunAs::own(EnvId(tenant)), RunAs { uid, gid: uid });
        }
        // The last number that a tenant can have.
        assert_eq!(RunAs::own(*EnvId::VALID.end()).uid, 2_099_999_999);
    }
}
