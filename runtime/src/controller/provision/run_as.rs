//! The user that a tenant runs as: never root.
//!
//! Volumes must belong to that user before the container starts, which takes numbers. An image that names root, or no user, runs as 65532
//! (`nonroot` in distroless images). A number is used as it is, with the group of the same number unless the image names one. A name is
//! looked up in the image's own `/etc/passwd`.

use std::fmt;

/// A user and a group by number. The user is not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct RunAs {
    pub(in crate::controller) uid: u32,
    pub(in crate::controller) gid: u32,
}

/// The user of images that name none.
const NONROOT: RunAs = RunAs { uid: 65532, gid: 65532 };

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
pub(in crate::controller) fn parse(user: &str) -> ImageUser<'_> {
    // A group by name is passed over, and the user's own is taken: images need not have /etc/group.
    let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, group.parse().ok()));
    match user.parse::<u32>() {
        Ok(0) => ImageUser::Known(NONROOT),
        Ok(uid) => ImageUser::Known(RunAs { uid, gid: group.unwrap_or(uid) }),
        Err(_) if user.is_empty() || user == "root" => ImageUser::Known(NONROOT),
        Err(_) => ImageUser::Named(user, group),
    }
}

/// Looks a name up in the text of a passwd(5) file. A name with the number 0 becomes [`NONROOT`], too.
pub(in crate::controller) fn look_up(passwd: &str, name: &str, group: Option<u32>) -> Option<RunAs> {
    let mut fields = passwd.lines().map(|line| line.split(':')).find_map(|mut line| {
        let found = line.next() == Some(name);
        // Behind the name comes the password, then both numbers (passwd(5)).
        found.then(|| line.skip(1))
    })?;
    let uid: u32 = fields.next()?.parse().ok()?;
    let gid: u32 = fields.next()?.parse().ok()?;
    Some(if uid == 0 { NONROOT } else { RunAs { uid, gid: group.unwrap_or(gid) } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_number_and_nobody_need_no_lookup() {
        for (user, expected) in [
            ("", "65532:65532"),
            ("0", "65532:65532"),
            ("0:0", "65532:65532"),
            ("root", "65532:65532"),
            ("root:root", "65532:65532"),
            ("1000", "1000:1000"),
            ("1000:50", "1000:50"),
            ("1000:staff", "1000:1000"),
        ] {
            let ImageUser::Known(known) = parse(user) else { panic!("{user:?} needs a lookup") };
            assert_eq!(known.to_string(), expected, "{user:?}");
        }
        assert_eq!(parse("node"), ImageUser::Named("node", None));
        assert_eq!(parse("node:7"), ImageUser::Named("node", Some(7)));
    }

    #[test]
    fn names_are_those_of_the_image() {
        let passwd = "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:\nbroken\nnode:x:1000:1001::/:/bin/sh\nodd:x:a:b\n";
        let found = |name, group| look_up(passwd, name, group).map(|user| user.to_string());
        assert_eq!(found("node", None).as_deref(), Some("1000:1001"));
        assert_eq!(found("node", Some(7)).as_deref(), Some("1000:7"));
        assert_eq!(found("toor", None).as_deref(), Some("65532:65532"));
        for missing in ["nod", "broken", "odd", ""] {
            assert_eq!(found(missing, None), None, "{missing}");
        }
    }
}
