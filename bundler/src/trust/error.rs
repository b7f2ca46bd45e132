use landfall_console::Size;
use landfall_keys::{ChainError, KeyId, RootError};
use std::io;
use std::path::PathBuf;

/// A folder of trust roots cannot be used, or not for what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustFolderError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is larger than {}", path.display(), Size(*limit as u64))]
    TooLarge { path: PathBuf, limit: usize },
    #[error("{} has more than {limit} roots and signatures", dir.display())]
    TooMany { dir: PathBuf, limit: usize },
    #[error("there is no trust root in {}", dir.display())]
    NoRoot { dir: PathBuf },
    #[error("{} already exists", path.display())]
    Exists { path: PathBuf },
    #[error("hosts would refuse the trust roots in {}", dir.display())]
    Chain { dir: PathBuf, source: ChainError },
    #[error("{} is not signed by enough keys yet: {missing}", path.display())]
    Unsigned { path: PathBuf, missing: String },
    #[error("the key {id} is in none of the trust roots in {}", dir.display())]
    UnknownKey { dir: PathBuf, id: KeyId },
    #[error("the key {id} is not among those that can sign {}", path.display())]
    NotASigner { path: PathBuf, id: KeyId },
    #[error("{} holds as many trust roots as hosts follow: version {oldest} and those after it", dir.display())]
    Full { dir: PathBuf, oldest: u32 },
    #[error("{} is the signature of another key with the id {id}", path.display())]
    OtherKeysSignature { path: PathBuf, id: KeyId },
    #[error("this trust root cannot be made")]
    Change(#[source] RootError),
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
}
