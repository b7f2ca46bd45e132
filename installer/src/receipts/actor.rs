//! Who ran an operation: the user ids that the kernel tells, and the names that this system has for them.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};

/// How much of `/etc/passwd` is looked through, in bytes: some fifty thousand users.
const PASSWD_BYTES: u64 = 4 << 20;
/// How long a name may be, in bytes: what useradd(8) allows, eight times over.
const NAME_BYTES: usize = 256;
/// More than the digits of a user's number.
const LOGIN_BYTES: u64 = 32;
/// The value of `/proc/self/loginuid` in a process outside any login session: (uid_t) -1.
const NO_LOGIN: u32 = u32::MAX;
/// The name in the receipt of an automatic revert.
const RECOVERY: &str = "landfall-recover";

/// Who ran an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Actor {
    /// The real user id of the installer's process.
    pub(crate) uid: u32,
    /// That user's name, or `#` and the number.
    pub(crate) user: String,
    /// Who logged in and became that user: from the kernel's login uid, else from sudo.
    pub(crate) login: Option<String>,
}

impl Actor {
    /// The user of this process. In an `unattended` operation outside any login session, the login is named `landfall-recover`.
    pub(crate) fn current(unattended: bool) -> Self {
        let uid = rustix::process::getuid().as_raw();
        let passwd = || File::open("/etc/passwd").ok();
        let session = session().map(|uid| name_or_number(uid, passwd()));
        // The environment says what its user likes: it counts only where the kernel knows of no session.
        let sudo = || std::env::var("SUDO_USER").ok().filter(|name| is_legible(name));
        let login = session.or_else(sudo).or_else(|| unattended.then(|| RECOVERY.to_owned()));
        Self { uid, user: name_or_number(uid, passwd()), login }
    }
}

/// The user of this process's login session, proc_pid_loginuid(5).
fn session() -> Option<u32> {
    let mut text = String::new();
    File::open("/proc/self/loginuid").ok()?.take(LOGIN_BYTES).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok().filter(|uid| *uid != NO_LOGIN)
}

fn name_or_number(uid: u32, passwd: Option<impl Read>) -> String {
    passwd.and_then(|passwd| name(uid, passwd)).unwrap_or_else(|| format!("#{uid}"))
}

/// The first name that a file in the form of passwd(5) has for a user.
fn name(uid: u32, passwd: impl Read) -> Option<String> {
    let lines = BufReader::new(passwd.take(PASSWD_BYTES)).split(b'\n').map_while(Result::ok);
    let mut names = lines.filter_map(|line| {
        let line = String::from_utf8(line).ok()?;
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && is_legible(name)).then(|| name.to_owned())
    });
    names.next()
}

/// Whether a name can be shown on a terminal.
fn is_legible(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_has_the_first_name_in_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1000:1:::\n\
                      broken\n:x:7:\n\u{1b}[2J:x:8:\nlast:x:9";
        let name = |uid| name(uid, passwd.as_bytes());
        assert_eq!((name(0).as_deref(), name(1000).as_deref()), (Some("root"), Some("alice")));
        assert_eq!((name(7), name(8), name(9).as_deref()), (None, None, Some("last")));
        assert_eq!(name_or_number(5, Some(passwd.as_bytes())), "#5");
        assert_eq!(name_or_number(5, None::<&[u8]>), "#5");
    }

    #[test]
    fn an_endless_passwd_is_read_up_to_its_limit() {
        let endless = BufReader::new(std::io::repeat(b':'));
        assert_eq!(name(0, endless), None);
    }

    #[test]
    fn recovery_names_itself_only_outside_a_login_session() {
        let (attended, unattended) = (Actor::current(false), Actor::current(true));
        assert_eq!(unattended.login, attended.login.clone().or(Some(RECOVERY.to_owned())));
        assert_eq!((attended.uid, &attended.user), (unattended.uid, &unattended.user));
    }
}
