use crate::key_files;
use anyhow::{Context as _, Error, Result};
use landfall_console::{Exit, Failure};
use landfall_keys::{MAX_TRUST_ROOT_BYTES, PublicKey, RootLink, TrustRoot, TrustedKeys};
use landfall_manifests::Head;
use std::path::Path;

/// Whom a bundle must be signed by, as a command line says it.
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
                    let message = format!("{text} is a trust root, which says by itself which keys count and how many");
                    return Err(Failure::new(Exit::Usage, "trust", message)
                        .hint("give it alone, without --threshold")
                        .into());
                }
            }
        }
        key_files::trusted(keys, threshold.unwrap_or(1)).map(Self::Keys)
    }

    /// The keys that a bundle with this `head` must be signed by: a root leads on to the newest one that the bundle brings.
    pub(crate) fn keys(&self, head: &Head) -> Result<TrustedKeys> {
        match self {
            Self::Keys(keys) => Ok(keys.clone()),
            Self::Root(root) => Ok(lead(root, head)?.trusted_keys().clone()),
        }
    }
}

/// The newest root to which `root` leads over the chain that a bundle brings, as a host goes on to it.
pub(crate) fn lead(root: &TrustRoot, head: &Head) -> Result<TrustRoot> {
    let version = root.version();
    let newest = root.follow(&head.offered_chain());
    newest
        .with_context(|| format!("version {version} of the trust root does not lead to the one that the bundle brings"))
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
        if file.starts_with('{') {
            return root_in(text, &file).map(|root| Self::Root(Box::new(root)));
        }
        key_files::public_in(text, &file).map(Self::Key)
    }
}

/// Reads a root's file.
pub(crate) fn read_root(path: &Path) -> Result<TrustRoot> {
    root_in(&path.display().to_string(), &key_files::read_small(path, MAX_TRUST_ROOT_BYTES, "trust root")?)
}

/// The root in the text of the file called `name`, in the one form in which roots are written.
fn root_in(name: &str, text: &str) -> Result<TrustRoot> {
    let root = RootLink::from_texts(text.to_owned(), Vec::new()).unverified_root();
    Ok(root.map_err(|source| {
        let failure = Failure::new(Exit::Usage, "trust_root", format!("{name}: {:#}", Error::new(source)));
        failure.hint("name a file N.root.json as `landfall-bundler trust` wrote it")
    })?)
}
