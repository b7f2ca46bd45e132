use super::signature_status::{SignatureStatus, signatures};
use landfall_keys::{
    ChainError, KeyId, MAX_CHAIN_LINKS, PublicKey, RootChanges, RootError, RootLink, Signature, TrustError, TrustRoot,
    TrustedKeys, list_ids,
};

/// Roots that follow each other, all of them signed as hosts ask for it but perhaps the newest one. Never empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RootChain {
    /// Each version with its signatures, from the first one on.
    roots: Vec<(TrustRoot, RootLink)>,
    complete: bool,
}

impl RootChain {
    /// The chain of `links`; `None` if there are none.
    ///
    /// 1. Hosts are given the first root out of band, so that no root before it has to sign it. Version 1 needs no signature
    ///    at all: hosts that are given its keys trust the same. A first root with a later number must be signed by its own
    ///    keys, or hosts that are given keys would refuse it.
    /// 2. Every later root must be signed by enough keys of the root before it and of its own.
    /// 3. If only the newest root lacks signatures, the chain is not complete. Anything else that hosts would refuse is an
    ///    error.
    pub(crate) fn new(links: Vec<RootLink>) -> Result<Option<Self>, ChainError> {
        let roots = links.iter().map(RootLink::unverified_root).collect::<Result<Vec<_>, _>>()?;
        let (Some(first), Some((newest, before))) = (roots.first(), links.split_last()) else { return Ok(None) };
        let begun =
            first.version() == 1 || links.first().is_some_and(|link| SignatureStatus::of(first, link).missing == 0);
        let signed = match roots.len().checked_sub(2).and_then(|at| roots.get(at)) {
            None => true,
            Some(previous) => {
                // All but the newest must be signed fully: hosts stop at the first that is not.
                first.follow(before)?;
                is_signed(previous.succeeded_by(newest))?
            }
        };
        let complete = begun && signed;
        Ok(Some(Self { roots: roots.into_iter().zip(links).collect(), complete }))
    }

    /// The newest version.
    pub(crate) fn newest(&self) -> &TrustRoot {
        &self.last().0
    }

    /// The one before it, if there is one.
    pub(crate) fn previous(&self) -> Option<&TrustRoot> {
        self.roots.iter().rev().nth(1).map(|(root, _)| root)
    }

    #[expect(clippy::expect_used, reason = "a chain is made of at least one root, and none is ever removed")]
    fn last(&self) -> &(TrustRoot, RootLink) {
        self.roots.last().expect("a chain has a root")
    }

    /// All versions, with the ids that their signatures name.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (&TrustRoot, Vec<KeyId>)> {
        self.roots.iter().map(|(root, link)| {
            let signers = signatures(link);
            (root, signers.iter().map(Signature::key_id).collect())
        })
    }

    /// Whether hosts would go on to the newest version.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Who has signed the newest version and who has not, of the version before it and of itself. Nobody has to sign
    /// version 1.
    pub(crate) fn signature_statuses(&self) -> Vec<SignatureStatus> {
        let (newest, link) = self.last();
        let roots = self.previous().into_iter().chain((newest.version() > 1).then_some(newest));
        roots.map(|root| SignatureStatus::of(root, link)).collect()
    }

    /// The signatures that the chain lacks, as text.
    pub(crate) fn missing(&self) -> String {
        let mut statuses = self.signature_statuses();
        let begun = self.roots.first().filter(|(first, _)| first.version() > 1 && first != self.newest());
        statuses.extend(begun.map(|(first, link)| SignatureStatus::of(first, link)));
        statuses.iter().filter_map(SignatureStatus::missing_signatures).collect::<Vec<_>>().join(", and ")
    }

    /// The ids of signatures over the newest version that do not count: neither it nor the one before it lists their keys.
    pub(crate) fn unknown_signers(&self) -> Vec<KeyId> {
        let signed = signatures(&self.last().1);
        let known = |id: &KeyId| self.signers().any(|key| key.id() == *id);
        signed.iter().map(Signature::key_id).filter(|id| !known(id)).collect()
    }

    /// The keys whose signatures over the newest version count.
    pub(crate) fn signers(&self) -> impl Iterator<Item = &PublicKey> {
        let roots = self.previous().into_iter().chain([self.newest()]);
        roots.flat_map(|root| root.trusted_keys().keys())
    }

    /// Whether `key` signed the newest version.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        super::signature_status::is_signed_by(&self.last().1, key)
    }

    /// The change that removes the keys `ids`. A `leaked` key may have been removed before, but must have been in some version:
    /// a revoked id that never was there is a typing error.
    pub(crate) fn removal(&self, ids: &[KeyId], leaked: bool) -> Result<RootChanges, KeyId> {
        let is_in = |root: &TrustRoot, id: KeyId| root.trusted_keys().keys().iter().any(|key| key.id() == id);
        let ever = |id: &&KeyId| self.roots.iter().any(|(root, _)| is_in(root, **id));
        if !leaked {
            // `TrustRoot::next_after` refuses a key that the newest version does not list.
            return Ok(RootChanges { remove: ids.to_vec(), ..RootChanges::default() });
        }
        match ids.iter().find(|id| !ever(id)) {
            Some(id) => Err(*id),
            None => Ok(RootChanges { revoke: ids.to_vec(), ..RootChanges::default() }),
        }
    }

    /// What the newest version asks for beyond signatures by `keys` over a release, for a person; nothing if they are enough.
    pub(crate) fn release_needs(&self, keys: &[PublicKey]) -> Option<String> {
        let trusted = self.newest().trusted_keys();
        let (signing, others): (Vec<&PublicKey>, _) = trusted.keys().iter().partition(|key| keys.contains(key));
        let need = usize::try_from(trusted.threshold()).unwrap_or(usize::MAX);
        let others: Vec<KeyId> = others.into_iter().map(PublicKey::id).collect();
        (signing.len() < need).then(|| format!("{} more of {}", need - signing.len(), list_ids(&others)))
    }

    /// The version after the newest one. Keys that any version lists are known again, so that none that is revoked returns.
    pub(crate) fn next(&self, changes: &RootChanges) -> Result<TrustRoot, RootError> {
        self.newest().next_after(self.roots.iter().map(|(root, _)| root), changes)
    }

    /// Whether a bundle brings as many versions as hosts follow, so that one more would be one too many.
    pub(crate) fn is_full(&self) -> bool {
        self.roots.len() >= MAX_CHAIN_LINKS
    }

    /// Whether `signature` over the newest version is by a key that counts, has the id of `key`, and is another one.
    pub(crate) fn is_by_other_key_with_id(&self, signature: &Signature, key: &PublicKey) -> bool {
        let bytes = self.newest().to_json().into_bytes();
        let signed = |signer: &PublicKey| {
            // Alone: in a set, the signature could be that of another key with its id.
            let alone = TrustedKeys::new(vec![*signer], 1);
            alone.is_ok_and(|alone| alone.verify(bytes.clone(), std::slice::from_ref(signature)).is_ok())
        };
        self.signers().any(|signer| !signer.same_signer(key) && signed(signer))
    }

    /// What goes into a bundle: all versions, with their signatures in canonical form. Version 1 goes along so that a new host is
    /// offered it, and not one signer's key.
    pub(crate) fn packed(&self) -> Vec<RootLink> {
        self.roots.iter().map(|(root, link)| RootLink::new(root, &signatures(link))).collect()
    }
}

/// Whether enough keys have signed. A signature that is false is not a missing one.
fn is_signed(outcome: Result<TrustRoot, ChainError>) -> Result<bool, ChainError> {
    match outcome {
        Ok(_) => Ok(true),
        Err(ChainError::OldKeys { ref source, .. } | ChainError::OwnKeys { ref source, .. })
            if !matches!(source, TrustError::BadSignature { .. } | TrustError::TooManySignatures { .. }) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
