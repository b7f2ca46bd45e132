//! From the trusted root to its newest successor (TUF specification, section 5.3, "Update the root role").

use std::collections::HashSet;

use super::{ChainError, MAX_CHAIN_LINKS, RootLink};
use crate::public_key::PublicKey;
use crate::root::TrustRoot;
use crate::trusted::TrustedKeys;

impl TrustRoot {
    /// The root of `link`, if it is this one's successor: its version is one more, enough keys of this
    /// root and of itself signed its bytes (a key counts once, under whatever ids), and it revokes
    /// everything that is revoked already.
    pub fn succeeded_by(&self, link: &RootLink) -> Result<Self, ChainError> {
        self.succeeded_knowing(&self.listed_keys().iter().copied().collect(), link)
    }

    /// The same, where `known` are the keys of all roots that were followed, including this one.
    fn succeeded_knowing(&self, known: &HashSet<PublicKey>, link: &RootLink) -> Result<Self, ChainError> {
        // 1. The text must be a root in its canonical form.
        let next = link.unverified_root()?;
        // 2. No version may be skipped (TUF 5.3.5): each has to be signed by the keys of the one before it.
        follows(self.version(), next.version())?;
        // 3. What is revoked stays revoked, under whatever id.
        self.keeps_revoked_out(known, &next)?;
        // 4. Both thresholds must be met (TUF 5.3.4).
        check_link(self.trusted_keys(), &next, link)?;
        Ok(next)
    }

    /// The newest root to which `links` lead from this one, or this one if there is none newer.
    ///
    /// The links must be in the order of their versions, without a gap. Those of versions before this
    /// one are skipped; one of this version must be this one. Only version 1 may differ, since it is
    /// not signed: a host is given its first keys out of band, and not always all of them.
    ///
    /// A revoked key is recognized under another id if this root or one that was followed since lists
    /// it under the id that is revoked. Skipped links are not used for that: they are not verified
    /// here, and a forged one could have an honest key taken for a revoked one.
    pub fn follow(&self, links: &[RootLink]) -> Result<Self, ChainError> {
        let roots = in_order(links)?;
        let mut newest = self.clone();
        let mut known: HashSet<PublicKey> = self.listed_keys().iter().copied().collect();
        for (root, link) in roots.iter().zip(links).filter(|(root, _)| root.version() >= self.version()) {
            if root.version() > self.version() {
                newest = newest.succeeded_knowing(&known, link)?;
                // Only keys of accepted roots: a forged link must not have an honest key taken for a revoked one.
                known.extend(newest.listed_keys());
            } else if self.version() > 1 && root != self {
                return Err(ChainError::Fork { version: self.version() });
            }
        }
        Ok(newest)
    }

    /// The newest root to which `links` lead from bare `keys`, of which `threshold` must have signed:
    /// for a new host, which was given keys out of band.
    ///
    /// It begins at the first link that enough of those keys for its own threshold, and enough of its own keys, signed: a key that
    /// does not suffice alone leads nowhere. Without links, this is [`TrustRoot::first`].
    pub fn adopt(keys: Vec<PublicKey>, threshold: u32, links: &[RootLink]) -> Result<Self, ChainError> {
        let given = Self::first(keys, threshold).map_err(ChainError::Given)?;
        let roots = in_order(links)?;
        let (Some(first), Some(last)) = (roots.first(), roots.last()) else { return Ok(given) };
        for (index, (root, link)) in roots.iter().zip(links).enumerate() {
            let threshold = given.trusted_keys().threshold().max(root.trusted_keys().threshold());
            // Fewer keys than the root asks for: they may be enough for another one.
            let Ok(enough) = TrustedKeys::new(given.listed_keys().to_vec(), threshold) else { continue };
            match check_link(&enough, root, link) {
                Ok(()) => return root.follow(links.get(index..).unwrap_or_default()),
                // The given keys may be those of a later root: the next link is tried. Any other error is damage.
                Err(ChainError::OldKeys { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ChainError::NoneSigned { first: first.version(), last: last.version() })
    }

    /// What is revoked stays so, and no revoked key is listed: not again, not still, and not under
    /// another id, as far as the key of the revoked id is `known`.
    fn keeps_revoked_out(&self, known: &HashSet<PublicKey>, next: &Self) -> Result<(), ChainError> {
        let version = next.version();
        if let Some(&id) = self.revoked().iter().find(|id| !next.revoked().contains(id)) {
            return Err(ChainError::Forgotten { version, id });
        }
        let revoked = |key: &PublicKey| next.revoked().contains(&key.id());
        let alias = |key: &PublicKey| known.iter().any(|old| old.same_signer(key) && revoked(old));
        match next.listed_keys().iter().find(|key| revoked(key) || alias(key)) {
            Some(key) => Err(ChainError::Returned { version, id: key.id() }),
            None => Ok(()),
        }
    }
}

/// Whether enough of the `old` keys and of the root's own signed the bytes of `link`, which are those of `root`.
fn check_link(old: &TrustedKeys, root: &TrustRoot, link: &RootLink) -> Result<(), ChainError> {
    let version = root.version();
    let signatures = link.parse_signatures(version)?;
    let check = |keys: &TrustedKeys| keys.verify(link.root().as_bytes().to_vec(), &signatures).map(|_| ());
    // The old keys first: by this error `adopt` knows that the link is for other keys, and tries the next one.
    check(old).map_err(|source| ChainError::OldKeys { version, source })?;
    check(root.trusted_keys()).map_err(|source| ChainError::OwnKeys { version, source })
}

/// The roots of `links`, whose versions follow each other one by one. They are not verified yet.
fn in_order(links: &[RootLink]) -> Result<Vec<TrustRoot>, ChainError> {
    if links.len() > MAX_CHAIN_LINKS {
        return Err(ChainError::TooManyLinks { found: links.len() });
    }
    let roots = links.iter().map(RootLink::unverified_root).collect::<Result<Vec<_>, _>>()?;
    for (root, next) in roots.iter().zip(roots.iter().skip(1)) {
        follows(root.version(), next.version())?;
    }
    Ok(roots)
}

fn follows(after: u32, found: u32) -> Result<(), ChainError> {
    if after.checked_add(1) == Some(found) { Ok(()) } else { Err(ChainError::Sequence { after, found }) }
}
