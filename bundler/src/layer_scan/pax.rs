//! The records of a pax header (POSIX.1-2017 `pax`, "pax Extended Header"): `LENGTH KEY=VALUE` and a line feed, one after another.

/// What the records say of the next entry.
#[derive(Debug, Default)]
pub(super) struct PaxRecords {
    pub(super) path: Option<String>,
    pub(super) size: Option<u64>,
    /// Whole seconds since 1970.
    pub(super) mtime: Option<u64>,
    /// Whether the content has holes that the records describe (GNU tar manual, "PAX Format, Version 1.0").
    pub(super) is_sparse: bool,
    /// Whether the file has capabilities.
    pub(super) has_capabilities: bool,
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
            // The name of a sparse file stands here, and an invented one in its header.
            "GNU.sparse.name" => {
                self.path = Some(text());
                self.is_sparse = true;
            }
            "size" => self.size = text().parse().ok(),
            "mtime" => self.mtime = text().split('.').next().and_then(|seconds| seconds.parse().ok()),
            "SCHILY.xattr.security.capability" => self.has_capabilities = true,
            key if key.starts_with("GNU.sparse.") => self.is_sparse = true,
            _ => {}
        }
    }
}

/// The first record without its length and its end, and what follows it.
fn next(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = content.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&content[..space]).ok()?.parse().ok()?;
    let record = content.get(space + 1..length.checked_sub(1)?)?;
    Some((record, content.get(length..)?))
}
