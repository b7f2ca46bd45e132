//! `--trust` and `--threshold`: whom the command line says to trust.

use super::TrustError;
use crate::durable;
use landfall_keys::{
    MAX_FILE_BYTES, MAX_TRUST_ROOT_BYTES, PublicKey, PublicKeyError, RootLink, TrustRoot, TrustedKeys,
};
use landfall_manifests::Head;
use std::path::Path;

/// The keys that a bundle must be signed by.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TrustArgs {
    /// A public key that is trusted: its line, or a file that holds it (minisign's format); may be repeated. Or the file of a
    /// trust root (N.root.json), alone
    #[arg(long = "trust", value_name = "KEY")]
    keys: Vec<String>,
    /// How many of the keys must have signed; 1 if not given
    #[arg(long, value_name = "N", requires = "keys")]
    threshold: Option<u32>,
}

/// What `--trust` names: public keys with a threshold, or one trust root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CliTrust {
    /// Public keys, and how many of them must have signed. They make a root of version 1.
    Keys(Vec<PublicKey>, u32),
    /// A trust root, of any version.
    Root(TrustRoot),
}

impl TrustArgs {
    /// What the command line names; `None` without `--trust`.
    ///
    /// # Errors
    /// An argument is neither a key nor a root, a root is not given alone, or the keys make no root (a threshold above their
    /// number, a key twice).
    pub(crate) fn parse(&self) -> Result<Option<CliTrust>, TrustError> {
        let mut keys = Vec::new();
        for argument in &self.keys {
            match read_argument(argument)? {
                KeyOrRoot::Key(key) => keys.push(key),
                KeyOrRoot::Root(root) if self.keys.len() == 1 && self.threshold.is_none() => {
                    return Ok(Some(CliTrust::Root(*root)));
                }
                KeyOrRoot::Root(_) => return Err(TrustError::RootNotAlone),
            }
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let threshold = self.threshold.unwrap_or(1);
        // Only for its checks: a threshold above the number of keys could never be met.
        TrustRoot::first(keys.clone(), threshold).map_err(TrustError::CliKeys)?;
        Ok(Some(CliTrust::Keys(keys, threshold)))
    }
}

impl CliTrust {
    /// The newest root of `chain`, which is that of `head`, that this leads to.
    ///
    /// # Errors
    /// The chain is broken, or too few of these keys have signed it.
    pub(crate) fn newest_root(&self, head: &Head, chain: &[RootLink]) -> Result<TrustRoot, TrustError> {
        match self {
            Self::Keys(keys, threshold) => match first_root(keys, *threshold, head, chain) {
                Some(first) => first.follow(chain),
                None => TrustRoot::adopt(keys.clone(), *threshold, chain),
            },
            Self::Root(root) => root.follow(chain),
        }
        .map_err(TrustError::CliChain)
    }
}

/// Version 1 in the chain, if the given keys suffice for it. Nobody signs that version itself: it counts because they signed the
/// manifest that holds it, both as many as a person asked for and as many of its own keys as it asks for.
fn first_root(keys: &[PublicKey], threshold: u32, head: &Head, chain: &[RootLink]) -> Option<TrustRoot> {
    let root = chain.first()?.unverified_root().ok().filter(|root| root.version() == 1)?;
    let trusted = root.trusted_keys();
    let is_given = |key: &&PublicKey| keys.iter().any(|given| given.same_signer(key));
    let both = trusted.keys().iter().filter(is_given).copied().collect();
    let given = TrustedKeys::new(keys.to_vec(), threshold).ok()?;
    let own = TrustedKeys::new(both, trusted.threshold()).ok()?;
    (head.is_signed_by(&given) && head.is_signed_by(&own)).then_some(root)
}

/// Reads a public key: its line, or a file that holds it.
pub(crate) fn read_key(argument: &str) -> Result<PublicKey, TrustError> {
    match read_argument(argument)? {
        KeyOrRoot::Key(key) => Ok(key),
        KeyOrRoot::Root(_) => {
            Err(TrustError::Key { argument: argument.to_owned(), reason: "it is a trust root".to_owned() })
        }
    }
}

/// What one `--trust` argument is.
enum KeyOrRoot {
    Key(PublicKey),
    Root(Box<TrustRoot>),
}

fn read_argument(argument: &str) -> Result<KeyOrRoot, TrustError> {
    let fail = |reason: String| TrustError::Key { argument: argument.to_owned(), reason };
    let key_error: PublicKeyError = match argument.parse() {
        Ok(key) => return Ok(KeyOrRoot::Key(key)),
        Err(error) => error,
    };
    let limit = MAX_FILE_BYTES.max(MAX_TRUST_ROOT_BYTES) as u64;
    let bytes = durable::read(Path::new(argument), limit).map_err(|error| fail(error.source.to_string()))?;
    let bytes = bytes.ok_or_else(|| fail(why_absent(argument, &key_error)))?;
    let text = String::from_utf8(bytes).map_err(|_| fail("the file is not text".to_owned()))?;
    // A root has one byte form, which begins like this; no form of a key does.
    if text.starts_with('{') {
        let root = RootLink::from_texts(text, Vec::new()).unverified_root();
        let file = |source| TrustError::File { argument: argument.to_owned(), source };
        return root.map(|root| KeyOrRoot::Root(Box::new(root))).map_err(file);
    }
    let key = PublicKey::parse_file(&text).or_else(|error| text.trim().parse().map_err(|_| error));
    key.map(KeyOrRoot::Key).map_err(|error| fail(error.to_string()))
}

/// Why an argument that is no file is no key either.
fn why_absent(argument: &str, key_error: &PublicKeyError) -> String {
    if argument.starts_with("RW") {
        return format!(
            "there is no such file, and as a key's line it is wrong: {}",
            landfall_console::message_with_causes(key_error)
        );
    }
    "there is no such file".to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_keys::SecretKey;

    fn parse(keys: &[&str], threshold: Option<u32>) -> Result<Option<CliTrust>, TrustError> {
        TrustArgs { keys: keys.iter().map(|&key| key.to_owned()).collect(), threshold }.parse()
    }

    #[test]
    fn a_key_is_a_line_or_a_file() {
        let key = SecretKey::generate().unwrap().public_key();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pub");
        let file = path.to_str().unwrap();
        for text in [key.to_file(), format!("{key}\n")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(parse(&[file], None).unwrap(), Some(CliTrust::Keys(vec![key], 1)));
        }
        assert_eq!(parse(&[&key.to_line()], None).unwrap(), Some(CliTrust::Keys(vec![key], 1)));
        assert_eq!(parse(&[], None).unwrap(), None);
        std::fs::write(&path, "nothing").unwrap();
        for wrong in [file, "/does/not/exist", "RWnothing"] {
            assert!(matches!(parse(&[wrong], None), Err(TrustError::Key { .. })), "{wrong}");
        }
        assert!(matches!(parse(&[&key.to_line()], Some(2)), Err(TrustError::CliKeys(_))));
    }

    #[test]
    fn a_mistyped_key_line_is_explained() {
        let line = SecretKey::generate().unwrap().public_key().to_line();
        let (short, blank) = (&line[..line.len() - 1], format!("{line} "));
        for (wrong, says) in [(short, "55 characters long, not 56"), (&blank, "57 characters long"), ("RW", "2 char")] {
            let refused = parse(&[wrong], None).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
        assert!(parse(&["acme.pub"], None).unwrap_err().to_string().ends_with("there is no such file"));
    }

    #[test]
    fn a_root_file_keeps_its_version_and_must_be_the_only_argument() {
        let key = SecretKey::generate().unwrap().public_key();
        let root = TrustRoot::first(vec![key], 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.root.json");
        let file = path.to_str().unwrap();
        std::fs::write(&path, root.to_json()).unwrap();
        assert_eq!(parse(&[file], None).unwrap(), Some(CliTrust::Root(root.clone())));
        for (keys, threshold) in [(&[file, file][..], None), (&[file, &key.to_line()], None), (&[file], Some(1))] {
            assert!(matches!(parse(keys, threshold), Err(TrustError::RootNotAlone)), "{keys:?}");
        }
        for wrong in ["{}".to_owned(), root.to_json().replace("  ", ""), root.to_json() + "\n"] {
            std::fs::write(&path, wrong).unwrap();
            assert!(matches!(parse(&[file], None), Err(TrustError::File { .. })));
        }
    }
}
