//! `--replace`: a root that a person confirms by its digest, although no key that the host trusts has signed it.

use crate::errors::Error;
use crate::trust::TrustError;
use landfall_console::{Exit, Failure};
use landfall_keys::{KeyId, PublicKey, RootLink, TrustRoot};
use landfall_manifests::Digest;
use std::collections::BTreeSet;
use std::path::Path;

/// The first version, which nobody signs: it may replace another first version.
const FIRST: u32 = 1;

/// The root of `links` with the digest, if it may replace the one `before`. Revoked keys that come back under other ids are
/// recognized from that root and from those that were `accepted` earlier.
pub(super) fn replacement(
    path: &Path,
    links: &[RootLink],
    digest: &Digest,
    before: Option<&TrustRoot>,
    accepted: &[&TrustRoot],
) -> Result<TrustRoot, Error> {
    let Some(link) = links.iter().find(|link| Digest::of(link.root().as_bytes()) == *digest) else {
        let message = format!("no trust root in {} has the digest {digest}", path.display());
        let hint = "compare the digest with what the publisher told you out of band, and the media with the publisher's: one \
                    of them is not right";
        return Err(Failure::new(Exit::Untrusted, "not_trusted", message).hint(hint).into());
    };
    let root =
        link.unverified_root().map_err(|source| TrustError::File { argument: path.display().to_string(), source })?;
    if let Some(before) = before.filter(|before| **before != root) {
        check_version(before, &root)?;
        check_revocations(before, accepted, &root)?;
    }
    Ok(root)
}

fn check_version(before: &TrustRoot, root: &TrustRoot) -> Result<(), Failure> {
    let (ours, theirs) = (before.version(), root.version());
    if theirs > ours || (ours, theirs) == (FIRST, FIRST) {
        return Ok(());
    }
    let message = format!("this host trusts version {ours} of the trust root already, and {theirs} is not above it");
    // Whoever pins the last version there is has locked the host to it.
    let hint = if ours == u32::MAX {
        "there is no higher version. If that root should not be there, take it away as root (rm etc/landfall/trust.json): then \
         the same command pins this one"
    } else {
        "the publisher makes a root with a higher version; `landfall-installer trust show` tells what is trusted"
    };
    Err(Failure::new(Exit::Policy, "older_root", message).hint(hint))
}

fn check_revocations(before: &TrustRoot, accepted: &[&TrustRoot], root: &TrustRoot) -> Result<(), Failure> {
    let ids: Vec<String> = dropped_revocations(before, accepted, root).iter().map(KeyId::to_string).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let message = format!(
        "version {} of the trust root takes revocations of this host's version {} back: {}",
        root.version(),
        before.version(),
        ids.join(", ")
    );
    let hint = format!(
        "what is revoked stays revoked, since others may hold these keys: ask the publisher for a root without them, made with \
         `landfall-bundler trust init … --revoke {}`",
        ids.join(" --revoke ")
    );
    Err(Failure::new(Exit::Policy, "forgets_revocations", message).hint(hint))
}

/// The ids that `before` revokes and `root` does not, and those under which `root` trusts a key that `before` revokes.
fn dropped_revocations(before: &TrustRoot, accepted: &[&TrustRoot], root: &TrustRoot) -> BTreeSet<KeyId> {
    let revoked = |key: &PublicKey| before.revoked().contains(&key.id());
    let known: Vec<&PublicKey> = accepted.iter().chain([&before]).flat_map(|root| root.listed_keys()).collect();
    let again = |key: &&PublicKey| revoked(key) || known.iter().any(|known| known.same_signer(key) && revoked(known));
    let listed = root.trusted_keys().keys().iter().filter(again).map(PublicKey::id);
    let forgotten = before.revoked().iter().filter(|id| !root.revoked().contains(id));
    listed.chain(forgotten.copied()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_keys::SecretKey;

    fn key() -> PublicKey {
        SecretKey::generate().unwrap().public_key()
    }

    /// The same key under another id: eight characters of its line are six bytes of the id.
    fn alias(key: &PublicKey) -> PublicKey {
        let line = key.to_line();
        format!("{}AAAAAAAA{}", &line[..4], &line[12..]).parse().unwrap()
    }

    fn root(version: u32, keys: &[PublicKey], revoked: &[KeyId]) -> TrustRoot {
        TrustRoot::beginning_at(version, keys.to_vec(), 1, revoked.to_vec()).unwrap()
    }

    /// Replaces `before` by `after`, or returns the refusal.
    fn judge(before: &TrustRoot, after: &TrustRoot) -> Result<(), Failure> {
        judge_knowing(&[], before, after)
    }

    /// The same on a host whose releases were accepted by the roots `accepted`.
    fn judge_knowing(accepted: &[&TrustRoot], before: &TrustRoot, after: &TrustRoot) -> Result<(), Failure> {
        let link = RootLink::from_texts(after.to_json(), Vec::new());
        let digest = Digest::of(after.to_json().as_bytes());
        let replaced = replacement(Path::new("stick"), &[link], &digest, Some(before), accepted);
        replaced.map(|replaced| assert_eq!(replaced, *after)).map_err(Error::into_failure)
    }

    #[test]
    fn replaces_an_older_root_or_another_first_version() {
        let (one, other) = (key(), key());
        for (before, after, code) in [
            (root(1, &[one], &[]), root(2, &[other], &[]), None),
            (root(1, &[one], &[]), root(1, &[other], &[]), None),
            (root(2, &[one], &[]), root(2, &[one], &[]), None),
            (root(2, &[one], &[]), root(2, &[other], &[]), Some("older_root")),
            (root(3, &[one], &[]), root(2, &[other], &[]), Some("older_root")),
            (root(u32::MAX, &[one], &[]), root(u32::MAX, &[other], &[]), Some("older_root")),
        ] {
            assert_eq!(judge(&before, &after).err().map(|failure| failure.code()), code, "{before:?} {after:?}");
        }
    }

    #[test]
    fn no_revocation_is_taken_back_by_forgetting_it_or_by_another_id() {
        let (leaked, lost, new) = (key(), key(), key());
        let before = root(3, &[key()], &[leaked.id(), lost.id()]);
        judge(&before, &root(4, &[new], &[lost.id(), leaked.id(), key().id()])).unwrap();
        for (after, ids) in [
            (root(4, &[new], &[]), vec![leaked.id(), lost.id()]),
            (root(4, &[new], &[leaked.id()]), vec![lost.id()]),
            (root(4, &[new, leaked], &[lost.id()]), vec![leaked.id()]),
        ] {
            let refused = judge(&before, &after).unwrap_err();
            assert_eq!((refused.exit(), refused.code()), (Exit::Policy, "forgets_revocations"));
            for id in ids {
                assert!(refused.to_string().contains(&id.to_string()), "{refused}");
                assert!(refused.advice().unwrap().contains(&format!("--revoke {id}")), "{:?}", refused.advice());
            }
        }
        // An earlier root that listed the key identifies it under its new id.
        let (earlier, renamed) = (root(2, &[leaked], &[]), root(4, &[alias(&leaked)], &[leaked.id(), lost.id()]));
        let refused = judge_knowing(&[&earlier], &before, &renamed).unwrap_err();
        assert!(refused.to_string().ends_with(&alias(&leaked).id().to_string()), "{refused}");
        judge(&before, &renamed).unwrap();
    }

    #[test]
    fn the_highest_version_can_only_be_removed_by_hand() {
        let last = root(u32::MAX, &[key()], &[]);
        let refused = judge(&last, &root(5, &[key()], &[])).unwrap_err();
        assert!(refused.advice().unwrap().contains("rm etc/landfall/trust.json"), "{:?}", refused.advice());
        let refused = judge(&root(5, &[key()], &[]), &root(5, &[key()], &[])).unwrap_err();
        assert!(refused.advice().unwrap().contains("higher version"), "{:?}", refused.advice());
    }
}
