use super::RootChain;
use landfall_keys::{PublicKey, TrustRoot};
use serde::Serialize;
use std::fmt;

/// What a publisher's trust roots say of a key.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyStanding {
    /// Whether the newest version lists it: hosts count its signatures.
    may_sign: bool,
    /// The newest version.
    newest: u32,
    /// Whether that one has the signatures that it needs for hosts to follow to it.
    complete: bool,
    /// How many keys must sign by the newest version.
    threshold: u32,
    /// Of how many.
    keys: usize,
    /// The versions that list the key.
    listed_in: Vec<u32>,
    /// Whether the newest version revokes the key's id.
    revoked: bool,
    /// The versions that list another key with the same id.
    same_id_in: Vec<u32>,
}

impl KeyStanding {
    /// How `key` stands in `chain`.
    pub(crate) fn of(chain: &RootChain, key: &PublicKey) -> Self {
        let newest = chain.newest();
        let keys = |root: &TrustRoot| root.trusted_keys().keys().to_vec();
        let lists = |root: &TrustRoot| keys(root).contains(key);
        let is_imitated = |root: &TrustRoot| keys(root).iter().any(|other| other.id() == key.id() && other != key);
        let versions = |are: &dyn Fn(&TrustRoot) -> bool| {
            chain.versions().filter(|(root, _)| are(root)).map(|(root, _)| root.version()).collect()
        };
        Self {
            may_sign: lists(newest),
            newest: newest.version(),
            complete: chain.is_complete(),
            threshold: newest.trusted_keys().threshold(),
            keys: newest.trusted_keys().keys().len(),
            listed_in: versions(&lists),
            revoked: newest.revoked().contains(&key.id()),
            same_id_in: versions(&is_imitated),
        }
    }
}

impl fmt::Display for KeyStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { newest, threshold, keys, .. } = self;
        match (self.listed_in.last(), self.may_sign) {
            (_, true) => write!(f, "may sign: {threshold} of the {keys} keys of version {newest} must"),
            (Some(_), false) if self.revoked => write!(f, "may not sign: version {newest} revokes it"),
            (Some(last), false) => write!(f, "may not sign: version {last} was the last one to list it"),
            (None, false) => write!(f, "may not sign: no version lists it"),
        }?;
        if !self.same_id_in.is_empty() {
            write!(f, "; another key has its id")?;
        }
        if !self.complete {
            write!(f, "; hosts do not follow to version {newest} yet: it lacks signatures")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_keys::{RootChanges, RootLink, SecretKey, Signature};

    #[test]
    fn a_key_may_sign_while_the_newest_version_lists_it() {
        let [anna, ben, cleo, dora] = std::array::from_fn(|_| SecretKey::generate().unwrap());
        let public = |keys: &[&SecretKey]| keys.iter().map(|key| key.public_key()).collect::<Vec<_>>();
        let first = TrustRoot::first(public(&[&anna, &ben, &cleo]), 2).unwrap();
        let without = |changes: RootChanges| {
            let next = first.next(&changes).unwrap();
            let signatures: Vec<Signature> =
                [&anna, &ben].map(|key| key.sign(next.to_json().as_bytes(), "").unwrap()).into();
            RootChain::new(vec![RootLink::new(&first, &[]), RootLink::new(&next, &signatures)]).unwrap().unwrap()
        };
        let removed = without(RootChanges { remove: vec![cleo.id()], ..RootChanges::default() });
        let revoked = without(RootChanges { revoke: vec![cleo.id()], ..RootChanges::default() });
        let text = |chain: &RootChain, key: &SecretKey| KeyStanding::of(chain, &key.public_key()).to_string();
        assert_eq!(text(&removed, &anna), "may sign: 2 of the 2 keys of version 2 must");
        assert_eq!(text(&removed, &cleo), "may not sign: version 1 was the last one to list it");
        assert_eq!(text(&revoked, &cleo), "may not sign: version 2 revokes it");
        assert_eq!(text(&revoked, &dora), "may not sign: no version lists it");
        assert_eq!(KeyStanding::of(&removed, &anna.public_key()).listed_in, [1, 2]);

        let next = first.next(&RootChanges { add: public(&[&dora]), ..RootChanges::default() }).unwrap();
        let unsigned = RootChain::new(vec![RootLink::new(&first, &[]), RootLink::new(&next, &[])]).unwrap().unwrap();
        let expected =
            "may sign: 2 of the 4 keys of version 2 must; hosts do not follow to version 2 yet: it lacks signatures";
        assert_eq!(text(&unsigned, &dora), expected);
    }

    #[test]
    fn a_key_with_the_id_of_another_one_is_told_apart() {
        let real = SecretKey::generate().unwrap();
        let first = TrustRoot::first(vec![real.public_key()], 1).unwrap();
        let chain = RootChain::new(vec![RootLink::new(&first, &[])]).unwrap().unwrap();
        // The id of the one, and the point of another.
        let bytes = |key: &SecretKey| data_encoding::BASE64.decode(key.public_key().to_line().as_bytes()).unwrap();
        let (mut imitation, other) = (bytes(&real), bytes(&SecretKey::generate().unwrap()));
        imitation.truncate(10);
        imitation.extend(other.iter().skip(10));
        let imitation: PublicKey = data_encoding::BASE64.encode(&imitation).parse().unwrap();
        assert_eq!(imitation.id(), real.id());
        let expected = "may not sign: no version lists it; another key has its id";
        assert_eq!(KeyStanding::of(&chain, &imitation).to_string(), expected);
    }
}
