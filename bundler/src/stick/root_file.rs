use crate::trust::{SuccessorError, digest, newest_successor};
use landfall_keys::{ChainError, PublicKey, RootError, TrustRoot, root_file_name};
use landfall_media::{BundleError, UnverifiedBundle};

/// No root can be named in the guide by which hosts would accept the bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootFileError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Successor(#[from] SuccessorError),
    #[error(transparent)]
    Adopt(#[from] RootError),
    #[error("hosts that are told {told} refuse the bundle")]
    Refused { told: String, source: Box<BundleError> },
}

/// The publisher's trust root as a file beside the bundle, for hosts that trust no key yet.
#[derive(Debug)]
pub(crate) struct RootFile {
    root: TrustRoot,
    name: String,
    json: String,
}

impl RootFile {
    pub(super) fn of(root: TrustRoot) -> Self {
        Self { name: root_file_name(root.version()), json: root.to_json(), root }
    }

    /// The root that hosts are to be given with `bundle`: the one that was `given`, or else the newest that the bundle brings;
    /// none where the bundle brings none. Whichever way a new host is told, it must accept the bundle.
    pub(crate) fn choose(bundle: &UnverifiedBundle, given: Option<TrustRoot>) -> Result<Option<Self>, RootFileError> {
        let chain = bundle.head().offered_chain();
        let (pinned, newest) = match (given, chain.first()) {
            (Some(root), _) => {
                let newest = newest_successor(&root, bundle.head())?;
                (Some(root), newest)
            }
            (None, Some(oldest)) => {
                // Followed as hosts do, from the oldest on: a chain that does not hold is found here and not there.
                let newest = newest_successor(&oldest.unverified_root()?, bundle.head())?;
                (Some(newest.clone()), newest)
            }
            (None, None) => {
                let keys = bundle.head().offered_keys();
                let Ok(all) = u32::try_from(keys.len()) else { return Ok(None) };
                if all == 0 {
                    return Ok(None);
                }
                // A host that is given keys alone asks for signatures by all of them, as the guide says.
                (None, TrustRoot::adopt(keys, all, &[])?)
            }
        };
        let version = newest.version();
        bundle.verify_head(newest.trusted_keys()).map_err(|source| {
            let told = match &pinned {
                Some(_) => format!("version {version} of the trust root"),
                None => "its keys".to_owned(),
            };
            RootFileError::Refused { told, source: Box::new(source) }
        })?;
        Ok(pinned.map(Self::of))
    }

    /// Its name on the medium: `3.root.json`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is in it.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.json.as_bytes()
    }

    /// The digest of the file, by which people tell each other which root it is.
    pub(crate) fn digest(&self) -> String {
        digest(&self.root)
    }

    pub(crate) fn version(&self) -> u32 {
        self.root.version()
    }

    /// How many of its keys must sign.
    pub(crate) fn threshold(&self) -> u32 {
        self.root.trusted_keys().threshold()
    }

    pub(crate) fn keys(&self) -> &[PublicKey] {
        self.root.trusted_keys().keys()
    }
}
