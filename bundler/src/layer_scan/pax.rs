//! The records of a pax header (POSIX.1-2017 `pax`, "pax Extended Header"): `LENGTH KEY=VALUE` and a line feed, one after another.

/// What the records say of the next entry.
#[derive(Debug, Default)]
pub(super) struct PaxRecords {
    pub(super) path: Option<String>,
    /// Where the entry, a link, leads.
    pub(super) link: Option<String>,
    pub(super) size: Option<u64>,
    /// Whole seconds since 1970.
    pub(super) mtime: Option<u64>,
    /// Whether the content has holes that the records describe (GNU tar manual, "PAX Format, Version 1.0").
    pub(super) is_sparse: bool,
    /// The capabilities without which the kernel does not start the file, as bits.
    pub(super) capabilities: u64,
}

impl PaxRecords {
    /// Adds the records in `content`, up to the first that is none.
    pub(super) fn parse(&mut self, content: &[u8]) {
        let mut rest = content;
        while let Some((record, after)) = next(rest) {
            self.add(record);
            rest = after;
        }
    }

    fn add(&mut self, record: &[u8]) {
        let Some(at) = record.iter().position(|byte| *byte == b'=') else { return };
        let (key, value) = (String::from_utf8_lossy(&record[..at]), &record[at + 1..]);
        let text = || String::from_utf8_lossy(value).into_owned();
        match &*key {
            "path" => self.path = Some(text()),
            "linkpath" => self.link = Some(text()),
            // The name of a sparse file stands here, and an invented one in its header.
            "GNU.sparse.name" => {
                self.path = Some(text());
                self.is_sparse = true;
            }
            "size" => self.size = text().parse().ok(),
            "mtime" => self.mtime = text().split('.').next().and_then(|seconds| seconds.parse().ok()),
            "SCHILY.xattr.security.capability" => self.capabilities = needed_capabilities(value),
            key if key.starts_with("GNU.sparse.") => self.is_sparse = true,
            _ => {}
        }
    }
}

/// The capabilities that a program needs to be started, from its file's attribute (linux/capability.h, `struct vfs_cap_data`): those that are
/// permitted, where they are effective from the start. An attribute that the kernel would refuse needs all of them.
fn needed_capabilities(attribute: &[u8]) -> u64 {
    const EFFECTIVE: u32 = 1;
    let word = |index: usize| -> Option<u32> {
        let bytes = attribute.get(4 * index..4 * index + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let permitted = || {
        let magic = word(0)?;
        let (low, high) = match (magic >> 24, attribute.len()) {
            (1, 12) => (word(1)?, 0),
            (2, 20) | (3, 24) => (word(1)?, word(3)?),
            _ => return None,
        };
        let permitted = u64::from(high) << 32 | u64::from(low);
        Some(if magic & EFFECTIVE == 0 { 0 } else { permitted })
    };
    permitted().unwrap_or(u64::MAX)
}

/// The first record without its length and its end, and what follows it.
fn next(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = content.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&content[..space]).ok()?.parse().ok()?;
    let record = content.get(space + 1..length.checked_sub(1)?)?;
    Some((record, content.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_needs_what_its_file_makes_effective() {
        let attribute = |magic: u32, words: &[u32]| -> Vec<u8> {
            [magic].iter().chain(words).flat_map(|word| word.to_le_bytes()).collect()
        };
        for (bytes, needed) in [
            (attribute(0x0200_0001, &[1 << 10, 0, 0, 0]), 1 << 10),
            (attribute(0x0200_0001, &[0, 1 << 10, 1, 0]), 1 << 32),
            (attribute(0x0300_0001, &[1 << 13, 0, 0, 0, 100]), 1 << 13),
            (attribute(0x0100_0001, &[1, 0]), 1),
            // `setcap cap_net_raw+p`: the program asks for it by itself, and starts without.
            (attribute(0x0200_0000, &[1 << 13, 0, 0, 0]), 0),
            (attribute(0x0200_0001, &[1, 0]), u64::MAX),
            (attribute(0x0900_0001, &[1, 0, 0, 0]), u64::MAX),
            (b"1".to_vec(), u64::MAX),
        ] {
            assert_eq!(needed_capabilities(&bytes), needed, "{bytes:?}");
        }
    }
}
