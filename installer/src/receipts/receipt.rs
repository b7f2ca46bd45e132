//! A receipt: the record of one operation on a host.

use super::actor::Actor;
use super::counter::Counter;
use crate::state::installed::InstalledRelease;
use landfall_keys::{KeyId, PublicKey, Signer, TrustRoot};
use landfall_manifests::{Digest, Product, Serial, Version};
use serde::{Deserialize, Serialize};

/// The largest receipt that is read, in bytes: one that names the most signers there can be takes about 6 KiB.
pub(crate) const MAX_RECEIPT_BYTES: usize = 64 << 10;

/// The schema number that this program writes, and the only one it reads.
pub(super) const SCHEMA: u32 = 1;

/// One receipt, as in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Receipt {
    pub(crate) schema: u32,
    pub(crate) counter: Counter,
    /// When the operation began (RFC 3339), by the host's clock: no decision depends on it.
    pub(crate) time: String,
    pub(crate) operation: Operation,
    pub(crate) by: Actor,
    pub(crate) product: Product,
    /// The release that ran before; `null` at the first installation.
    pub(crate) from: Option<ReleaseRef>,
    /// The release that was to run after it; `null` of an uninstallation.
    pub(crate) to: Option<ReleaseRef>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Outcome::is_done")]
    pub(crate) outcome: Outcome,
    /// The trusted keys that signed the release; none where no release came in.
    pub(crate) signers: Vec<SignedBy>,
    /// The trust root that accepted it, or that was imported.
    pub(crate) trust: TrustedBy,
    /// The version of the installer that did it.
    pub(crate) installer: String,
    /// The digest of the receipt before this one; `null` in the first one, and after a gap.
    pub(crate) previous: Option<Digest>,
    /// Why this receipt does not continue the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gap: Option<String>,
}

/// The operation that a receipt records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    /// The first release was installed.
    Install,
    /// A bundle replaced a release.
    Update,
    /// A person returned to a retained release.
    Rollback,
    /// The host returned to a retained release by itself, because the one after it did not stay healthy.
    Revert,
    /// Another trust root was pinned, and no release came in.
    Trust,
    /// All but the settings and the data were removed. A purge leaves no receipt, not even the earlier ones.
    Uninstall,
}

/// How the operation of a receipt ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// What it was to do is done.
    #[default]
    Done,
    /// It failed or was interrupted, and was taken back: the release from before runs again.
    Undone,
}

impl Outcome {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
    fn is_done(&self) -> bool {
        *self == Self::Done
    }
}

/// A reference to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReleaseRef {
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
    /// The whole public key: only this identifies a key, ids can collide.
    pub(crate) key: PublicKey,
}

/// A reference to a trust root.
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
    #[error("it does not parse: it is damaged, or a later version wrote it")]
    Json(#[source] serde_json::Error),
    #[error("it holds control characters")]
    ControlCharacter,
    #[error("its schema is {0}, and this program reads {SCHEMA}")]
    Schema(u32),
    #[error("it does not name the release that it is about")]
    NoRelease,
}

impl Receipt {
    /// Parses a receipt. Its signature and its place are checked by the [chain](super::chain).
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > MAX_RECEIPT_BYTES {
            return Err(ReceiptError::TooLong);
        }
        let receipt: Self = serde_json::from_slice(bytes).map_err(ReceiptError::Json)?;
        if receipt.schema != SCHEMA {
            return Err(ReceiptError::Schema(receipt.schema));
        }
        // Of an uninstallation, the release that was there; of everything else, the one that was to run.
        let about = if receipt.operation == Operation::Uninstall { &receipt.from } else { &receipt.to };
        if about.is_none() {
            return Err(ReceiptError::NoRelease);
        }
        // A listing is read on a terminal, which control characters could rewrite (console_codes(4)).
        if receipt.texts().any(|text| text.contains(char::is_control)) {
            Err(ReceiptError::ControlCharacter)
        } else {
            Ok(receipt)
        }
    }

    /// The free texts, which are shown on terminals.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let optional = [self.by.login.as_deref(), self.gap.as_deref()];
        [self.time.as_str(), &self.by.user, &self.installer].into_iter().chain(optional.into_iter().flatten())
    }

    /// The file: indented JSON with a final line end.
    #[expect(clippy::expect_used, reason = "texts, numbers and lists of them always have a JSON form")]
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a receipt has a JSON form") + "\n"
    }

    /// The trusted comment of its signature.
    pub(crate) fn comment(&self) -> String {
        let version = self.to.as_ref().or(self.from.as_ref()).map(|release| release.version.to_string());
        format!("counter={} product={} version={}", self.counter, self.product, version.unwrap_or_default())
    }

    /// The manifest of the release that runs after it; `None` if none does.
    pub(crate) fn runs_after(&self) -> Option<Digest> {
        let release = match self.outcome {
            Outcome::Done => self.to.as_ref(),
            Outcome::Undone => self.from.as_ref(),
        };
        release.map(|release| release.manifest)
    }
}

impl Operation {
    /// The name in listings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Update => "update",
            Self::Rollback => "rollback",
            Self::Revert => "revert",
            Self::Trust => "trust",
            Self::Uninstall => "uninstall",
        }
    }
}

impl From<&InstalledRelease> for ReleaseRef {
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
