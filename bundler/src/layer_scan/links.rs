//! Where the symbolic links of a layer lead that others' paths may go through, such as `/bin` of most distributions.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Links deeper below the root than this are not remembered: a layer may have many thousands of them.
const DEPTH: usize = 2;
/// All that is remembered of a layer, in bytes.
const BYTES: usize = 64 << 10;

/// Links of a layer by their paths, with their targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Links {
    found: BTreeMap<String, String>,
    bytes: usize,
}

impl Links {
    pub(super) fn add(&mut self, path: &str, target: &str) {
        let bytes = path.len() + target.len();
        if path.split('/').count() <= DEPTH && self.bytes + bytes <= BYTES {
            self.bytes += bytes;
            // Of several entries with one path, the last counts.
            self.found.insert(path.to_owned(), target.to_owned());
        } else {
            self.found.remove(path);
        }
    }

    /// Where the link at `path` leads, if that is remembered.
    pub(crate) fn at(&self, path: &str) -> Option<&str> {
        self.found.get(path).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_never_of_an_earlier_entry() {
        let mut links = Links::default();
        links.add("bin", "usr/bin");
        (0..100_000).for_each(|number| links.add(&number.to_string(), "x"));
        assert!(links.bytes <= BYTES);
        assert_eq!((links.at("bin"), links.at("1"), links.at("99999")), (Some("usr/bin"), Some("x"), None));
        links.add("bin", &"y".repeat(BYTES));
        assert_eq!(links.at("bin"), None);
    }
}
