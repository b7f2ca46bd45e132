//! A folder of roots and signatures, as links.

use std::collections::BTreeMap;

use super::{ChainError, RootLink, root_version, signed_root_version};

/// The texts of the files in a folder of roots, by version. Which files to read, [`root_version`] and
/// [`signed_root_version`] say; how many bytes of them,
/// [`MAX_TRUST_ROOT_BYTES`](crate::MAX_TRUST_ROOT_BYTES) and [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
#[derive(Debug, Default)]
pub struct RootFiles {
    roots: BTreeMap<u32, String>,
    signatures: BTreeMap<u32, Vec<String>>,
}

impl RootFiles {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the file `name`; one that is neither a root nor a signature over one is left out.
    pub fn add(&mut self, name: &str, text: String) {
        if let Some(version) = root_version(name) {
            // One text a version: names are unique in a folder.
            self.roots.insert(version, text);
        } else if let Some(version) = signed_root_version(name) {
            let known = self.signatures.entry(version).or_default();
            // A signature may lie there under two names, minisign's and ours; a link that holds it twice would be
            // refused.
            if !known.contains(&text) {
                known.push(text);
            }
        }
    }

    /// The links in the order of their versions. Signatures over roots that are not there are left out.
    ///
    /// # Errors
    /// A root does not parse, or is of another version than its file's name says. Nothing else has
    /// been checked: that is for [`TrustRoot::follow`](crate::TrustRoot::follow).
    pub fn into_links(mut self) -> Result<Vec<RootLink>, ChainError> {
        let link = |(named, root): (u32, String)| {
            let link = RootLink::from_texts(root, self.signatures.remove(&named).unwrap_or_default());
            let found = link.version()?;
            if found == named { Ok(link) } else { Err(ChainError::Misnamed { named, found }) }
        };
        self.roots.into_iter().map(link).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{SecretKey, TrustRoot};

    fn root(version: u32) -> String {
        let key = SecretKey::generate().unwrap().public_key();
        let json = TrustRoot::first(vec![key], 1).unwrap().to_json();
        json.replace("\"version\": 1", &format!("\"version\": {version}"))
    }

    #[test]
    fn sorts_files_into_links() {
        let (two, ten) = (root(2), root(10));
        let mut files = RootFiles::new();
        for (name, text) in [
            ("10.root.json", ten.as_str()),
            ("2.root.json.minisig", "one"),
            ("2.root.json.anna.minisig", "another"),
            ("2.root.json.copy.minisig", "one"),
            ("2.root.json", &two),
            ("3.root.json.minisig", "over nothing"),
            ("README", "text"),
        ] {
            files.add(name, text.to_owned());
        }
        let two = RootLink::from_texts(two, vec!["one".to_owned(), "another".to_owned()]);
        assert_eq!(files.into_links().unwrap(), [two, RootLink::from_texts(ten, vec![])]);
        assert_eq!(RootFiles::new().into_links().unwrap(), []);
    }

    #[test]
    fn refuses_a_root_under_another_ones_name() {
        let mut files = RootFiles::new();
        files.add("3.root.json", root(2));
        let refused = files.into_links().unwrap_err();
        assert_eq!(refused.to_string(), "the file 3.root.json holds version 2 of the trust root");
        assert!(matches!(refused, ChainError::Misnamed { named: 3, found: 2 }));
    }
}
