//! A person decides whether a key that a bundle offers is the publisher's.

use super::Given;
use landfall_console::{Console, Exit, Failure};
use landfall_keys::{PublicKey, RootLink, TrustRoot};
use landfall_manifests::Head;

/// How often an operator may mistype.
const TRIES: usize = 3;
/// How many characters of a key's id the operator types.
const TYPED: usize = 8;

/// Lets the operator accept the keys that the bundle itself offers; refused where there is nobody to ask.
pub(crate) fn ask(head: &Head, console: Console) -> anyhow::Result<Given> {
    let refused = |message: &str| {
        Failure::new(Exit::Untrusted, "not_trusted", message)
            .hint("give the publisher's public key with --trust, as its line that begins with RW or as a file")
    };
    if !console.interactive() {
        return Err(refused("this host trusts no key yet, and none was given").into());
    }
    let offered = head.offered_keys();
    if offered.is_empty() {
        return Err(refused("this host trusts no key yet, and the bundle offers none that signed it").into());
    }
    let offered = leading(offered, &head.offered_chain());
    if offered.is_empty() {
        let message = "this host trusts no key yet, and no single key leads to the trust roots that the bundle brings";
        return Err(refused(message)
            .hint("give the publisher's newest trust root with --trust: the file N.root.json")
            .into());
    }
    console.warn("this host trusts no key yet. The bundle says that it is signed by:");
    for key in &offered {
        console.warn(format_args!("  key id {}\n           {key}", key.id()));
    }
    console.warn(
        "anybody can make such a bundle. Compare the full line above, from RW to its end, with what the publisher told \
         you by another way than this media: only the line identifies the key, its id can be imitated.",
    );
    for _ in 0..TRIES {
        let question = format!("To trust a key, type the last {TYPED} characters of its id:");
        let Some(answer) = console.ask(question)? else { break };
        if let Some(key) = chosen(&offered, &answer) {
            return Ok(Given::Keys(vec![key], 1));
        }
        console.warn("that is not how any of the ids above ends");
    }
    Err(refused("no key was accepted").into())
}

/// Those of the keys that do lead somewhere: one key alone does not vouch for the roots of a publisher who asks for several.
fn leading(offered: Vec<PublicKey>, chain: &[RootLink]) -> Vec<PublicKey> {
    offered.into_iter().filter(|key| TrustRoot::adopt(vec![*key], 1, chain).is_ok()).collect()
}

/// The one key whose id ends with what was typed; none if two do.
fn chosen(offered: &[PublicKey], answer: &str) -> Option<PublicKey> {
    let answer = answer.trim().to_uppercase();
    if answer.len() != TYPED {
        return None;
    }
    let mut matching = offered.iter().filter(|key| key.id().to_string().ends_with(&answer));
    match (matching.next(), matching.next()) {
        (Some(key), None) => Some(*key),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_keys::{RootChanges, SecretKey};

    #[test]
    fn only_keys_that_lead_to_the_bundles_roots_are_offered() {
        let [one, two] = [(); 2].map(|()| SecretKey::generate().unwrap());
        let keys = vec![one.public_key(), two.public_key()];
        assert_eq!(leading(keys.clone(), &[]), keys, "there are none to lead to");
        let next = |threshold| {
            let change = RootChanges { add: vec![two.public_key()], threshold, ..RootChanges::default() };
            TrustRoot::first(vec![one.public_key()], 1).unwrap().next(&change).unwrap()
        };
        let signed = |root: &TrustRoot, by: &[&SecretKey]| {
            let signatures: Vec<_> = by.iter().map(|key| key.sign(root.to_json().as_bytes(), "").unwrap()).collect();
            RootLink::new(root, &signatures)
        };
        assert_eq!(leading(keys.clone(), &[signed(&next(None), &[&one])]), keys[..1]);
        assert_eq!(leading(keys.clone(), &[signed(&next(Some(2)), &[&one])]), []);
        assert_eq!(leading(keys.clone(), &[signed(&next(Some(2)), &[&one, &two])]), keys);
    }

    #[test]
    fn a_key_is_chosen_by_the_end_of_its_id_and_nothing_less() {
        let keys = [SecretKey::generate().unwrap().public_key(), SecretKey::generate().unwrap().public_key()];
        let id = keys[1].id().to_string();
        assert_eq!(chosen(&keys, &id[8..]), Some(keys[1]));
        assert_eq!(chosen(&keys, &format!(" {} ", id[8..].to_lowercase())), Some(keys[1]));
        for wrong in ["", &id[9..], &id, "ZZZZZZZZ"] {
            assert_eq!(chosen(&keys, wrong), None, "{wrong}");
        }
        assert_eq!(chosen(&[keys[0], keys[0]], &keys[0].id().to_string()[8..]), None, "ambiguous");
    }
}
