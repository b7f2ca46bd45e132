//! What a receipt says.

use super::counter::Counter;
use super::who::By;
use crate::installed::InstalledRelease;
use landfall_keys::{KeyId, PublicKey, Signer, TrustRoot};
use landfall_manifests::{Digest, Product, Serial, Version};
use serde::{Deserialize, Serialize};

/// The largest receipt that is read, in bytes: one that names the most signers there can be takes about 6 KiB.
pub(crate) const MAX_RECEIPT_BYTES: usize = 64 << 10;

/// The form that this program writes, and the only one it reads.
pub(super) const SCHEMA: u32 = 1;

/// What was done to a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Receipt {
    pub(crate) schema: u32,
    pub(crate) counter: Counter,
    /// When it was begun (RFC 3339), by the host's clock: nothing is decided by it.
    pub(crate) time: String,
    pub(crate) operation: Act,
    pub(crate) by: By,
    pub(crate) product: Product,
    /// The release that ran before; `null` where there was none.
    pub(crate) from: Option<Place>,
    /// The release that runs since.
    pub(crate) to: Place,
    /// The trusted keys that signed it.
    pub(crate) signers: Vec<SignedBy>,
    /// The root by which it was accepted.
    pub(crate) trust: TrustedBy,
    /// The version of the installer that did it.
    pub(crate) installer: String,
    /// The digest of the receipt before this one; `null` in the first one, and after a gap.
    pub(crate) previous: Option<Digest>,
    /// Why this receipt does not go on from the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gap: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Act {
    /// The first release came in.
    Install,
    /// A bundle came in over a release.
    Update,
    /// A kept release came back, because somebody asked for it.
    Rollback,
    /// A kept release came back by itself, because the one after it could not stay up.
    Revert,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) version: Version,
    pub(crate) serial: Serial,
    /// The digest of its `landfall.json`.
    pub(crate) manifest: Digest,
}

/// A key that signed a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignedBy {
    pub(crate) key_id: KeyId,
    /// The whole line, which is what identifies a key.
    pub(crate) key: PublicKey,
}

/// A trust root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TrustedBy {
    pub(crate) version: u32,
    /// The digest of its file, `trust.json`.
    pub(crate) digest: Digest,
}

/// Why bytes are not a receipt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiptError {
    #[error("it is larger than the {MAX_RECEIPT_BYTES} bytes that are read")]
    TooLong,
    #[error("it does not parse: it is damaged, or was written by a later version")]
    Json(#[source] serde_json::Error),
    #[error("it holds control characters")]
    ControlCharacter,
    #[error("its schema is {0}, and this program reads {SCHEMA}")]
    Schema(u32),
}

impl Receipt {
    /// Reads a receipt. Whether to believe it is decided by the [chain](super::chain).
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > MAX_RECEIPT_BYTES {
            return Err(ReceiptError::TooLong);
        }
        let receipt: Self = serde_json::from_slice(bytes).map_err(ReceiptError::Json)?;
        if receipt.schema != SCHEMA {
            return Err(ReceiptError::Schema(receipt.schema));
        }
        if receipt.texts().any(|text| text.contains(char::is_control)) {
            Err(ReceiptError::ControlCharacter)
        } else {
            Ok(receipt)
        }
    }

    /// What may say anything, and is shown to people.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let optional = [self.by.login.as_deref(), self.gap.as_deref()];
        [self.time.as_str(), &self.by.user, &self.installer].into_iter().chain(optional.into_iter().flatten())
    }

    /// The file: indented JSON with a final line end.
    #[expect(clippy::expect_used, reason = "texts, numbers and lists of them always have a JSON form")]
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a receipt has a JSON form") + "\n"
    }

    /// What its signature says besides: enough to know it by.
    pub(crate) fn comment(&self) -> String {
        format!("counter={} product={} version={}", self.counter, self.product, self.to.version)
    }
}

impl Act {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Update => "update",
            Self::Rollback => "rollback",
            Self::Revert => "revert",
        }
    }
}

impl From<&InstalledRelease> for Place {
    fn from(release: &InstalledRelease) -> Self {
        Self { version: release.version.clone(), serial: release.serial, manifest: release.manifest }
    }
}

impl From<&Signer> for SignedBy {
    fn from(signer: &Signer) -> Self {
        Self { key_id: signer.key().id(), key: *signer.key() }
    }
}

impl From<&TrustRoot> for TrustedBy {
    fn from(root: &TrustRoot) -> Self {
        Self { version: root.version(), digest: Digest::of(root.to_json().as_bytes()) }
    }
}
