use crate::key_files::{self, KeyFileError};
use landfall_keys::{ChainError, MAX_TRUST_ROOT_BYTES, PublicKey, RootLink, TrustRoot, TrustedKeys, TrustedKeysError};
use landfall_manifests::Head;
use std::path::Path;

/// What `--trust`, `--threshold` or `--root` names cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliTrustError {
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error(transparent)]
    Keys(#[from] TrustedKeysError),
    #[error("{text} is a trust root, which itself lists the keys and their threshold")]
    RootNotAlone { text: String },
    #[error("{name}")]
    Root { name: String, source: ChainError },
    #[error(transparent)]
    Successor(#[from] SuccessorError),
}

/// A trust root does not lead to the one that a bundle brings.
#[derive(Debug, thiserror::Error)]
#[error("version {version} of the trust root does not lead to the one that the bundle brings")]
pub(crate) struct SuccessorError {
    version: u32,
    source: ChainError,
}

type Result<T> = std::result::Result<T, CliTrustError>;

/// The keys that must have signed a bundle, as the command line gives them.
#[derive(Debug)]
pub(crate) enum CliTrust {
    /// Keys, with how many of them must have signed.
    Keys(TrustedKeys),
    /// A root of whatever version.
    Root(Box<TrustRoot>),
}

impl CliTrust {
    /// Reads keys, each a line or a file, of which `threshold` must have signed (1 if not given); or the file of a root, alone.
    pub(crate) fn read(texts: &[String], threshold: Option<u32>) -> Result<Self> {
        let mut keys = Vec::new();
        for text in texts {
            match KeyOrRoot::read(text)? {
                KeyOrRoot::Key(key) => keys.push(key),
                KeyOrRoot::Root(root) if texts.len() == 1 && threshold.is_none() => return Ok(Self::Root(root)),
                KeyOrRoot::Root(_) => {
                    return Err(CliTrustError::RootNotAlone { text: text.clone() });
                }
            }
        }
        Ok(Self::Keys(TrustedKeys::new(keys, threshold.unwrap_or(1))?))
    }

    /// The keys that a bundle with this `head` must be signed by: a root leads on to the newest one that the bundle brings.
    pub(crate) fn keys(&self, head: &Head) -> Result<TrustedKeys> {
        match self {
            Self::Keys(keys) => Ok(keys.clone()),
            Self::Root(root) => Ok(newest_successor(root, head)?.trusted_keys().clone()),
        }
    }
}

/// The newest root to which `root` leads over the chain that a bundle brings, as a host goes on to it.
pub(crate) fn newest_successor(root: &TrustRoot, head: &Head) -> std::result::Result<TrustRoot, SuccessorError> {
    root.follow(&head.offered_chain()).map_err(|source| SuccessorError { version: root.version(), source })
}

/// What one argument is.
enum KeyOrRoot {
    Key(PublicKey),
    Root(Box<TrustRoot>),
}

impl KeyOrRoot {
    /// A key's line, or a file, which is read once: it may be a pipe.
    fn read(text: &str) -> Result<Self> {
        if let Ok(key) = text.parse() {
            return Ok(Self::Key(key));
        }
        let file = key_files::read_small(Path::new(text), MAX_TRUST_ROOT_BYTES, "public key or trust root")?;
        // A root is JSON, and a key file begins with its comment or with RW.
        if file.starts_with('{') {
            return root_in(text, &file).map(|root| Self::Root(Box::new(root)));
        }
        Ok(Self::Key(key_files::public_in(text, &file)?))
    }
}

/// Reads a root's file.
pub(crate) fn read_root(path: &Path) -> Result<TrustRoot> {
    root_in(&path.display().to_string(), &key_files::read_small(path, MAX_TRUST_ROOT_BYTES, "trust root")?)
}

/// The root in the text of the file called `name`, in the one form in which roots are written.
fn root_in(name: &str, text: &str) -> Result<TrustRoot> {
    let root = RootLink::from_texts(text.to_owned(), Vec::new()).unverified_root();
    root.map_err(|source| CliTrustError::Root { name: name.to_owned(), source })
}
