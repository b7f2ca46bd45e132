use landfall_keys::{KeyId, PublicKey, RootLink, Signature, TrustRoot, TrustedKeys, list_ids};
use serde::Serialize;

/// One of the two versions whose keys have to sign the newest one: the version before it, or itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignatureStatus {
    pub(crate) version: u32,
    pub(crate) threshold: u32,
    /// How many signatures are still to come.
    pub(crate) missing: usize,
    pub(crate) signed: Vec<KeyId>,
    /// Those who have not signed. Not all of them have to.
    pub(crate) waiting: Vec<KeyId>,
}

impl SignatureStatus {
    /// Who of `root` has signed the root of `link`.
    pub(crate) fn of(root: &TrustRoot, link: &RootLink) -> Self {
        let keys = root.trusted_keys();
        let ids = |signed: bool| -> Vec<KeyId> {
            keys.keys().iter().filter(|key| is_signed_by(link, key) == signed).map(PublicKey::id).collect()
        };
        let (signed, waiting) = (ids(true), ids(false));
        let threshold = keys.threshold();
        let missing = usize::try_from(threshold).unwrap_or(usize::MAX).saturating_sub(signed.len());
        Self { version: root.version(), threshold, missing, signed, waiting }
    }

    /// The signatures that are missing, as text; `None` if there are enough.
    pub(crate) fn missing_signatures(&self) -> Option<String> {
        let (missing, version, of) = (self.missing, self.version, list_ids(&self.waiting));
        let keys = if missing == 1 { "key" } else { "keys" };
        (missing > 0).then(|| format!("{missing} more {keys} of version {version} ({of})"))
    }
}

/// Whether `key` signed the root of `link`.
pub(crate) fn is_signed_by(link: &RootLink, key: &PublicKey) -> bool {
    let Ok(alone) = TrustedKeys::new(vec![*key], 1) else { return false };
    let by_its_id = signatures(link).into_iter().filter(|signature| signature.key_id() == key.id());
    by_its_id.into_iter().any(|signature| alone.verify(link.root().as_bytes().to_vec(), &[signature]).is_ok())
}

/// The signatures of `link` that parse.
pub(crate) fn signatures(link: &RootLink) -> Vec<Signature> {
    link.signatures().iter().filter_map(|text| Signature::parse(text.as_bytes()).ok()).collect()
}
