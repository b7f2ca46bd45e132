use crate::key_files;
use anyhow::{Context as _, Error, Result};
use landfall_console::{Exit, Failure};
use landfall_keys::{MAX_TRUST_ROOT_BYTES, PublicKey, RootLink, TrustRoot, TrustedKeys};
use landfall_manifests::Head;
use std::path::Path;

/// Whom a bundle must be signed by, as a command line says it.
#[derive(Debug)]
pub(crate) enum Given {
    /// Keys, with how many of them must have signed.
    Keys(TrustedKeys),
    /// A root of whatever version.
    Root(Box<TrustRoot>),
}

impl Given {
    /// Reads keys, each a line or a file, of which `threshold` must have signed (1 if not given); or the file of a root, alone.
    pub(crate) fn read(texts: &[String], threshold: Option<u32>) -> Result<Self> {
        let Some(root) = texts.iter().find(|text| is_root(text)) else {
            return key_files::trusted(texts, threshold.unwrap_or(1)).map(Self::Keys);
        };
        if texts.len() > 1 || threshold.is_some() {
            let message = format!("{root} is a trust root, which says by itself which keys count and how many");
            return Err(Failure::new(Exit::Usage, "trust", message).hint("give it alone, without --threshold").into());
        }
        read_root(Path::new(root)).map(|root| Self::Root(Box::new(root)))
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

/// Reads a root's file, in the one form in which roots are written.
pub(crate) fn read_root(path: &Path) -> Result<TrustRoot> {
    let text = key_files::read_small(path, MAX_TRUST_ROOT_BYTES, "trust root")?;
    let root = RootLink::from_texts(text.to_string(), Vec::new()).unverified_root();
    Ok(root.map_err(|source| {
        let message = format!("{}: {:#}", path.display(), Error::new(source));
        Failure::new(Exit::Usage, "trust_root", message)
            .hint("name a file N.root.json as `landfall-bundler trust` wrote it")
    })?)
}

fn is_root(text: &str) -> bool {
    let read = || key_files::read_small(Path::new(text), MAX_TRUST_ROOT_BYTES, "trust root");
    text.parse::<PublicKey>().is_err() && read().is_ok_and(|file| file.starts_with('{'))
}
