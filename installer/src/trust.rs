//! By which keys a bundle is held to be genuine.

use crate::durable::{self, PathError};
use crate::layout::Layout;
use landfall_console::{Console, Exit, Failure};
use landfall_keys::{MAX_FILE_BYTES, MAX_TRUST_ROOT_BYTES, PublicKey, RootError, TrustRoot};
use landfall_manifests::Head;
use std::path::Path;

/// How often an operator may mistype.
const TRIES: usize = 3;
/// How many characters of a key's id the operator types.
const TYPED: usize = 8;

/// The keys that a bundle must be signed by.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TrustArgs {
    /// A public key that is trusted: its line, or a file that holds it (minisign's format); may be repeated
    #[arg(long = "trust", value_name = "KEY")]
    keys: Vec<String>,
    /// How many of the keys must have signed
    #[arg(long, value_name = "N", default_value_t = 1, requires = "keys")]
    threshold: u32,
}

/// A trust root cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("{argument} is neither a public key nor a file that holds one: {reason}")]
    Key { argument: String, reason: String },
    #[error("the keys given with --trust cannot be used")]
    Given(#[source] RootError),
    #[error("{} cannot be used", .path.display())]
    Pinned {
        path: std::path::PathBuf,
        #[source]
        source: RootError,
    },
    #[error(transparent)]
    Path(#[from] PathError),
}

impl TrustArgs {
    /// The root that is made of the keys on the command line, if there are any.
    pub(crate) fn given(&self) -> Result<Option<TrustRoot>, TrustError> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let keys = self.keys.iter().map(|argument| read_key(argument)).collect::<Result<_, _>>()?;
        TrustRoot::first(keys, self.threshold).map(Some).map_err(TrustError::Given)
    }
}

fn read_key(argument: &str) -> Result<PublicKey, TrustError> {
    let fail = |reason: String| TrustError::Key { argument: argument.to_owned(), reason };
    if let Ok(key) = argument.parse() {
        return Ok(key);
    }
    let limit = MAX_FILE_BYTES as u64;
    let bytes = durable::read(Path::new(argument), limit).map_err(|error| fail(error.source.to_string()))?;
    let bytes = bytes.ok_or_else(|| fail("there is no such file".to_owned()))?;
    let text = String::from_utf8(bytes).map_err(|_| fail("the file is not text".to_owned()))?;
    let key = PublicKey::parse_file(&text).or_else(|error| text.trim().parse().map_err(|_| error));
    key.map_err(|error| fail(error.to_string()))
}

/// The root that this host has pinned.
pub(crate) fn pinned(layout: &Layout) -> Result<Option<TrustRoot>, TrustError> {
    let path = layout.trust_root();
    let Some(bytes) = durable::read(&path, MAX_TRUST_ROOT_BYTES as u64)? else { return Ok(None) };
    TrustRoot::parse(&bytes).map(Some).map_err(|source| TrustError::Pinned { path, source })
}

/// Lets the operator accept the keys that the bundle itself offers; refused where there is nobody to ask.
pub(crate) fn ask(head: &Head, console: Console) -> anyhow::Result<TrustRoot> {
    let refused = |message: &str| {
        Failure::new(Exit::Untrusted, "not_trusted", message)
            .hint("give the publisher's public key with --trust, as its line that begins with RW or as a file")
    };
    if !console.interactive() {
        return Err(refused("this host trusts no key yet, and none was given").into());
    }
    let offered = head.offered_keys();
    if offered.is_empty() {
        return Err(refused("this host trusts no key yet, and the bundle offers none that signed it").into());
    }
    console.warn("this host trusts no key yet. The bundle says that it is signed by:");
    for key in &offered {
        console.warn(format_args!("  key id {}\n           {key}", key.id()));
    }
    console.warn(
        "anybody can make such a bundle. Compare the full line above, from RW to its end, with what the publisher told \
         you by another way than this media: only the line identifies the key, its id can be imitated.",
    );
    for _ in 0..TRIES {
        let question = format!("To trust a key, type the last {TYPED} characters of its id:");
        let Some(answer) = console.ask(question)? else { break };
        if let Some(key) = chosen(&offered, &answer) {
            return Ok(TrustRoot::first(vec![key], 1)?);
        }
        console.warn("that is not how any of the ids above ends");
    }
    Err(refused("no key was accepted").into())
}

/// The one key whose id ends with what was typed; none if two do.
fn chosen(offered: &[PublicKey], answer: &str) -> Option<PublicKey> {
    let answer = answer.trim().to_uppercase();
    if answer.len() != TYPED {
        return None;
    }
    let mut matching = offered.iter().filter(|key| key.id().to_string().ends_with(&answer));
    match (matching.next(), matching.next()) {
        (Some(key), None) => Some(*key),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_keys::SecretKey;

    #[test]
    fn a_key_is_chosen_by_the_end_of_its_id_and_nothing_less() {
        let keys = [SecretKey::generate().unwrap().public_key(), SecretKey::generate().unwrap().public_key()];
        let id = keys[1].id().to_string();
        assert_eq!(chosen(&keys, &id[8..]), Some(keys[1]));
        assert_eq!(chosen(&keys, &format!(" {} ", id[8..].to_lowercase())), Some(keys[1]));
        for wrong in ["", &id[9..], &id, "ZZZZZZZZ"] {
            assert_eq!(chosen(&keys, wrong), None, "{wrong}");
        }
        assert_eq!(chosen(&[keys[0], keys[0]], &keys[0].id().to_string()[8..]), None, "ambiguous");
    }

    #[test]
    fn a_key_is_a_line_or_a_file() {
        let key = SecretKey::generate().unwrap().public_key();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pub");
        for text in [key.to_file(), format!("{key}\n")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_key(path.to_str().unwrap()).unwrap(), key);
        }
        assert_eq!(read_key(&key.to_line()).unwrap(), key);
        std::fs::write(&path, "nothing").unwrap();
        for wrong in [path.to_str().unwrap(), "/does/not/exist", "RWnothing"] {
            assert!(read_key(wrong).is_err(), "{wrong}");
        }
    }
}
