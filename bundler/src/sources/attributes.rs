//! Extended attributes of a folder's files (xattr(7)), as records of pax headers: an image keeps them, or is refused.

use crate::sources::SourceError;
use rustix::fs::{fgetxattr, flistxattr};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// How star(1), and after it GNU tar and the engines, name a record that holds an attribute.
const RECORD: &str = "SCHILY.xattr.";
/// All attributes' names, and one attribute's value, in bytes: what Linux keeps of them (xattr(7), `XATTR_LIST_MAX` and
/// `XATTR_SIZE_MAX`).
const LARGEST: usize = 64 << 10;
/// Attributes that programs in an image go by: file capabilities, access control lists (acl(5)), and a user's own.
const KEPT: [&str; 4] = ["security.capability", "system.posix_acl_access", "system.posix_acl_default", "user."];
/// What the security modules of the machine that builds put on every file: a host has its own.
const LEFT_OUT: [&str; 4] = ["security.selinux", "security.apparmor", "security.ima", "security.evm"];

/// The records for the attributes of an open file or folder, which is at `path`, sorted by name.
pub(super) fn records(file: &File, path: &Path) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
    let failed = |error: Errno| SourceError::Read { path: path.to_owned(), source: error.into() };
    let mut list = vec![0; LARGEST];
    let length = match flistxattr(file, &mut list[..]) {
        Ok(length) => length,
        // A file system without attributes.
        Err(Errno::NOTSUP) => 0,
        Err(error) => return Err(failed(error)),
    };
    let mut records = BTreeMap::new();
    for name in list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = String::from_utf8_lossy(name).into_owned();
        if LEFT_OUT.contains(&&*name) {
            continue;
        }
        if !KEPT.iter().any(|kept| name == *kept || (kept.ends_with('.') && name.starts_with(kept))) {
            return Err(SourceError::Attribute { path: path.to_owned(), name });
        }
        let mut value = vec![0; LARGEST];
        let length = fgetxattr(file, name.as_str(), &mut value[..]).map_err(failed)?;
        value.truncate(length);
        records.insert(format!("{RECORD}{name}"), value);
    }
    Ok(records)
}
