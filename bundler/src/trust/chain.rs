use super::side::{Side, signatures};
use landfall_keys::{ChainError, KeyId, PublicKey, RootChanges, RootLink, TrustError, TrustRoot};

/// Roots that follow each other, all of them signed as hosts ask for it but perhaps the newest one. Never empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Each version with its signatures, from the first one on.
    roots: Vec<(TrustRoot, RootLink)>,
    complete: bool,
}

impl Chain {
    /// The chain of `links`; `None` if there are none.
    ///
    /// Hosts are told the first one by hand, so that none before it has to sign it. If its number is 1, nobody has to: hosts
    /// that were told keys alone trust the same. One that begins at a later number must be signed by its own keys, or such
    /// hosts would not find it. If the newest one lacks signatures, the chain is not complete; anything else that hosts would
    /// not believe is an error.
    pub(crate) fn new(links: Vec<RootLink>) -> Result<Option<Self>, ChainError> {
        let roots = links.iter().map(RootLink::unverified_root).collect::<Result<Vec<_>, _>>()?;
        let (Some(first), Some((newest, before))) = (roots.first(), links.split_last()) else { return Ok(None) };
        let begun = first.version() == 1 || links.first().is_some_and(|link| Side::of(first, link).missing == 0);
        let signed = match roots.len().checked_sub(2).and_then(|at| roots.get(at)) {
            None => true,
            Some(previous) => {
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
            (root, signers.iter().map(landfall_keys::Signature::key_id).collect())
        })
    }

    /// Whether hosts would go on to the newest version.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Who has signed the newest version and who has not, of the version before it and of itself. Nobody has to sign
    /// version 1.
    pub(crate) fn sides(&self) -> Vec<Side> {
        let (newest, link) = self.last();
        let roots = self.previous().into_iter().chain((newest.version() > 1).then_some(newest));
        roots.map(|root| Side::of(root, link)).collect()
    }

    /// What the chain lacks, for a person.
    pub(crate) fn missing(&self) -> String {
        let mut sides = self.sides();
        let begun = self.roots.first().filter(|(first, _)| first.version() > 1 && first != self.newest());
        sides.extend(begun.map(|(first, link)| Side::of(first, link)));
        sides.iter().filter_map(Side::wanted).collect::<Vec<_>>().join(", and ")
    }

    /// Ids that signed the newest version for nothing: they are neither in it nor in the one before it.
    pub(crate) fn strangers(&self) -> Vec<KeyId> {
        let signed = signatures(&self.last().1);
        let known = |id: &KeyId| self.signers().any(|key| key.id() == *id);
        signed.iter().map(landfall_keys::Signature::key_id).filter(|id| !known(id)).collect()
    }

    /// The keys whose signatures over the newest version count.
    pub(crate) fn signers(&self) -> impl Iterator<Item = &PublicKey> {
        let roots = self.previous().into_iter().chain([self.newest()]);
        roots.flat_map(|root| root.trusted_keys().keys())
    }

    /// Whether `key` signed the newest version.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        super::side::is_signed_by(&self.last().1, key)
    }

    /// The change that takes the keys `ids` out. A `leaked` one may have been taken out before, as long as it was ever there:
    /// revoking a key that never was would protect nobody from anything but a slip of the pen.
    pub(crate) fn removal(&self, ids: &[KeyId], leaked: bool) -> Result<RootChanges, KeyId> {
        let is_in = |root: &TrustRoot, id: KeyId| root.trusted_keys().keys().iter().any(|key| key.id() == id);
        let ever = |id: &&KeyId| self.roots.iter().any(|(root, _)| is_in(root, **id));
        if !leaked {
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
        (signing.len() < need).then(|| format!("{} more of {}", need - signing.len(), super::side::list(&others)))
    }

    /// What goes into a bundle: the versions after the first one ever, with their signatures in canonical form.
    pub(crate) fn packed(&self) -> Vec<RootLink> {
        let later = self.roots.iter().filter(|(root, _)| root.version() > 1);
        later.map(|(root, link)| RootLink::new(root, &signatures(link))).collect()
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
mod tests {
    use super::*;
    use landfall_keys::SecretKey;

    fn keys(count: usize) -> Vec<SecretKey> {
        (0..count).map(|_| SecretKey::generate().unwrap()).collect()
    }

    fn first(keys: &[SecretKey], threshold: u32) -> TrustRoot {
        TrustRoot::first(keys.iter().map(SecretKey::public_key).collect(), threshold).unwrap()
    }

    fn link(root: &TrustRoot, signers: &[&SecretKey]) -> RootLink {
        let sign = |key: &&SecretKey| key.sign(root.to_json().as_bytes(), "").unwrap();
        RootLink::new(root, &signers.iter().map(sign).collect::<Vec<_>>())
    }

    /// Two of three, and the next version without the third.
    fn roots(keys: &[SecretKey]) -> (TrustRoot, TrustRoot) {
        let first = first(keys, 2);
        let next = first.next(&RootChanges { remove: vec![keys[2].id()], ..RootChanges::default() }).unwrap();
        (first, next)
    }

    fn chain(links: Vec<RootLink>) -> Chain {
        Chain::new(links).unwrap().unwrap()
    }

    #[test]
    fn the_first_version_needs_no_signature_and_is_not_packed() {
        assert_eq!(Chain::new(vec![]).unwrap(), None);
        let keys = keys(3);
        let chain = chain(vec![link(&first(&keys, 2), &[])]);
        assert!(chain.is_complete() && chain.packed().is_empty() && chain.previous().is_none());
    }

    #[test]
    fn a_chain_that_begins_anew_is_signed_by_its_own_keys() {
        let keys = keys(2);
        let public = keys.iter().map(SecretKey::public_key).collect();
        let anew = TrustRoot::beginning_at(8, public, 2, vec![]).unwrap();
        assert!(!chain(vec![link(&anew, &[&keys[0]])]).is_complete());
        let signed = link(&anew, &[&keys[0], &keys[1]]);
        assert!(chain(vec![signed.clone()]).is_complete());
        assert_eq!(chain(vec![signed.clone()]).packed(), [signed]);
        let next = anew.next(&RootChanges { threshold: Some(1), ..RootChanges::default() }).unwrap();
        let over = vec![link(&anew, &[]), link(&next, &[&keys[0], &keys[1]])];
        let over = chain(over);
        assert!(!over.is_complete(), "hosts that are told keys alone would not find it");
        assert!(over.missing().starts_with("2 more keys of version 8"), "{}", over.missing());
    }

    #[test]
    fn says_who_has_signed_and_who_is_missing_for_both_versions() {
        let keys = keys(4);
        let (first, next) = roots(&keys[..3]);
        let at = |signers: &[&SecretKey]| chain(vec![link(&first, &[]), link(&next, signers)]);
        let none = at(&[]);
        assert!(!none.is_complete());
        let counts: Vec<_> = none.sides().iter().map(|side| (side.version, side.missing, side.waiting.len())).collect();
        assert_eq!(counts, [(1, 2, 3), (2, 2, 2)]);

        let one = at(&[&keys[2], &keys[3]]);
        let counts: Vec<_> = one.sides().iter().map(|side| (side.missing, side.signed.len())).collect();
        assert_eq!(counts, [(1, 1), (2, 0)], "the third key counts for the version that it is in");
        assert_eq!(one.strangers(), [keys[3].id()]);
        assert!(one.missing().contains("2 more keys of version 2"), "{}", one.missing());

        let both = at(&[&keys[0], &keys[1]]);
        assert!(both.is_complete() && both.missing().is_empty());
        assert_eq!(both.packed(), [link(&next, &[&keys[0], &keys[1]])]);
    }

    #[test]
    fn takes_a_false_signature_and_an_unsigned_middle_for_what_they_are() {
        let keys = keys(3);
        let (first, next) = roots(&keys);
        let other = keys[0].sign(b"other bytes", "").unwrap();
        let forged = vec![link(&first, &[]), RootLink::new(&next, &[other])];
        assert!(matches!(Chain::new(forged), Err(ChainError::OldKeys { source: TrustError::BadSignature { .. }, .. })));
        let third = next.next(&RootChanges { threshold: Some(1), ..RootChanges::default() }).unwrap();
        let unsigned = vec![link(&first, &[]), link(&next, &[]), link(&third, &[&keys[0], &keys[1]])];
        assert!(matches!(Chain::new(unsigned), Err(ChainError::OldKeys { version: 2, .. })));
        let gap = vec![link(&first, &[]), link(&third, &[&keys[0], &keys[1]])];
        assert!(matches!(Chain::new(gap), Err(ChainError::Sequence { after: 1, found: 3 })));
    }

    #[test]
    fn counts_the_keys_of_the_newest_version_that_sign_a_release() {
        let keys = keys(3);
        let (first, next) = roots(&keys);
        let chain = chain(vec![link(&first, &[]), link(&next, &[&keys[0], &keys[1]])]);
        let needs = |signing: &[&SecretKey]| {
            chain.release_needs(&signing.iter().map(|key| key.public_key()).collect::<Vec<_>>())
        };
        assert_eq!(needs(&[&keys[0], &keys[1]]), None);
        assert_eq!(needs(&[&keys[0], &keys[2]]), Some(format!("1 more of {}", keys[1].id())), "one was taken out");
    }

    #[test]
    fn revokes_only_keys_that_were_ever_there() {
        let keys = keys(4);
        let (first, next) = roots(&keys[..3]);
        let chain = chain(vec![link(&first, &[]), link(&next, &[&keys[0], &keys[1]])]);
        let gone = keys[2].id();
        let revoke = RootChanges { revoke: vec![gone], ..RootChanges::default() };
        assert_eq!(chain.removal(&[gone], true), Ok(revoke), "removed long ago, found on a stolen disk now");
        assert_eq!(chain.removal(&[gone, keys[3].id()], true), Err(keys[3].id()));
        let remove = RootChanges { remove: vec![keys[0].id()], ..RootChanges::default() };
        assert_eq!(chain.removal(&[keys[0].id()], false), Ok(remove));
    }
}
