//! Why a chain of roots is refused.

use thiserror::Error;

use super::{MAX_CHAIN_LINKS, root_file_name};
use crate::key_id::KeyId;
use crate::root::RootError;
use crate::signature::SignatureError;
use crate::trusted::{MAX_SIGNATURES, TrustError};

/// Why a chain of roots is refused. After any of these, the host keeps the root that it had.
#[derive(Debug, Error)]
pub enum ChainError {
    /// More than [`MAX_CHAIN_LINKS`].
    #[error("the chain of trust roots has {found} links, at most {MAX_CHAIN_LINKS} are followed")]
    TooManyLinks {
        /// How many there are.
        found: usize,
    },
    /// More signatures than two sets of keys could make.
    #[error("version {version} of the trust root has {found} signatures, at most {MAX_SIGNATURES} are looked at")]
    TooManySignatures {
        /// The version that they are over.
        version: u32,
        /// How many there are.
        found: usize,
    },
    /// A link whose root is none.
    #[error("a link of the chain holds no usable trust root")]
    Root(#[source] RootError),
    /// A root in another form than the one that is written.
    #[error(
        "version {version} of the trust root is not in the form in which roots are written (indented JSON, one final line end)"
    )]
    NotCanonical {
        /// The version that it says it has.
        version: u32,
    },
    /// A signature that is none.
    #[error("a signature over version {version} of the trust root does not parse")]
    Signature {
        /// The version that it is over.
        version: u32,
        /// What is wrong with it.
        #[source]
        source: SignatureError,
    },
    /// Two signatures name one key.
    #[error("version {version} of the trust root has two signatures by the key {id}: remove one of them")]
    SignedTwice {
        /// The version that they are over.
        version: u32,
        /// The id that both name.
        id: KeyId,
    },
    /// A file's name says another version than its content.
    #[error("the file {} holds version {found} of the trust root", root_file_name(*.named))]
    Misnamed {
        /// The version in the file's name.
        named: u32,
        /// The version in the file.
        found: u32,
    },
    /// A version was left out, comes twice or goes back.
    #[error("version {found} of the trust root follows version {after}: versions follow each other one by one")]
    Sequence {
        /// The version before.
        after: u32,
        /// The version that came.
        found: u32,
    },
    /// The chain's root of this version is another one than the one that is trusted.
    #[error(
        "version {version} of the trust root in the chain differs from the one that is trusted: two chains bear the same numbers, and one of them may be forged"
    )]
    Fork {
        /// The version.
        version: u32,
    },
    /// Too few keys of the version before it signed a root.
    #[error("version {version} of the trust root is not signed by enough keys of the version before it")]
    OldKeys {
        /// The version that they should have signed.
        version: u32,
        /// Who signed, and who should have.
        #[source]
        source: TrustError,
    },
    /// Too few of a root's own keys signed it, so that their secret keys may be lost.
    #[error("version {version} of the trust root is not signed by enough of its own keys")]
    OwnKeys {
        /// The version that they should have signed.
        version: u32,
        /// Who signed, and who should have.
        #[source]
        source: TrustError,
    },
    /// A revocation was taken back.
    #[error("version {version} of the trust root no longer revokes {id}: what is revoked stays revoked")]
    Forgotten {
        /// The version that lacks it.
        version: u32,
        /// The id that was revoked before.
        id: KeyId,
    },
    /// A revoked key is listed, under its own id or under another one.
    #[error("version {version} of the trust root lists the key {id}, which is revoked")]
    Returned {
        /// The version that lists it.
        version: u32,
        /// The id under which it is listed.
        id: KeyId,
    },
    /// None of the links is signed by the keys that a person gave.
    #[error(
        "the bundle comes with versions {first} to {last} of its publisher's trust root, and none is signed by enough of the given keys"
    )]
    NoneSigned {
        /// The first version of the chain.
        first: u32,
        /// The last one.
        last: u32,
    },
    /// The given keys and threshold are no root.
    #[error("the given keys cannot be trusted together")]
    Given(#[source] RootError),
}
