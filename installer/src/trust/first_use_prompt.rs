//! The question on a host that trusts no key yet: whether a key that the bundle offers is the publisher's (trust on first use,
//! by a person who compares the key).

use super::{CliTrust, FirstUseError};
use landfall_console::Console;
use landfall_keys::{PublicKey, RootLink, TrustRoot};
use landfall_manifests::Head;

/// How often an operator may mistype.
const TRIES: usize = 3;
/// How many characters of a key id the operator types: half of the 16.
const TYPED_CHARS: usize = 8;

/// Lets the operator accept one of the keys that the bundle itself offers.
///
/// # Errors
/// There is no terminal, no key on offer, or no key was accepted.
pub(crate) fn prompt_for_key(head: &Head, console: Console) -> Result<CliTrust, FirstUseError> {
    if !console.interactive() {
        return Err(FirstUseError::NoKeyGiven);
    }
    let offered = head.offered_keys();
    if offered.is_empty() {
        return Err(FirstUseError::NoKeyOffered);
    }
    let offered = leading_alone(offered, &head.offered_chain());
    if offered.is_empty() {
        return Err(FirstUseError::NoSingleKey);
    }
    console.warn("this host trusts no key yet. The bundle says that it is signed by:");
    for key in &offered {
        console.warn(format_args!("  key id {}\n           {key}", key.id()));
    }
    console.warn(
        "anybody can make such a bundle. Compare the whole line above, from RW to its end, with the key that the publisher \
         gave you out of band, not on this media: only the line identifies the key, its id can be imitated.",
    );
    for _ in 0..TRIES {
        let question = format!("To trust a key, type the last {TYPED_CHARS} characters of its id:");
        let Some(answer) = console.ask(question)? else { break };
        if let Some(key) = with_id_ending(&offered, &answer) {
            return Ok(CliTrust::Keys(vec![key], 1));
        }
        console.warn("none of the key ids above ends like this");
    }
    Err(FirstUseError::NoKeyAccepted)
}

/// The keys that each alone lead to the bundle's trust roots: where the publisher requires several signatures, none does.
fn leading_alone(offered: Vec<PublicKey>, chain: &[RootLink]) -> Vec<PublicKey> {
    offered.into_iter().filter(|key| TrustRoot::adopt(vec![*key], 1, chain).is_ok()).collect()
}

/// The one key whose id ends with what was typed; none if two do.
fn with_id_ending(offered: &[PublicKey], answer: &str) -> Option<PublicKey> {
    // An id is shown in capitals; whoever types it from paper need not.
    let answer = answer.trim().to_uppercase();
    // Neither fewer, which would match by chance, nor the whole id pasted from the screen.
    if answer.len() != TYPED_CHARS {
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
        assert_eq!(leading_alone(keys.clone(), &[]), keys, "there are none to lead to");
        let next = |threshold| {
            let change = RootChanges { add: vec![two.public_key()], threshold, ..RootChanges::default() };
            TrustRoot::first(vec![one.public_key()], 1).unwrap().next(&change).unwrap()
        };
        let signed = |root: &TrustRoot, by: &[&SecretKey]| {
            let signatures: Vec<_> = by.iter().map(|key| key.sign(root.to_json().as_bytes(), "").unwrap()).collect();
            RootLink::new(root, &signatures)
        };
        assert_eq!(leading_alone(keys.clone(), &[signed(&next(None), &[&one])]), keys[..1]);
        assert_eq!(leading_alone(keys.clone(), &[signed(&next(Some(2)), &[&one])]), []);
        assert_eq!(leading_alone(keys.clone(), &[signed(&next(Some(2)), &[&one, &two])]), keys);
    }

    #[test]
    fn a_key_is_chosen_by_the_end_of_its_id_and_nothing_less() {
        let keys = [SecretKey::generate().unwrap().public_key(), SecretKey::generate().unwrap().public_key()];
        let id = keys[1].id().to_string();
        assert_eq!(with_id_ending(&keys, &id[8..]), Some(keys[1]));
        assert_eq!(with_id_ending(&keys, &format!(" {} ", id[8..].to_lowercase())), Some(keys[1]));
        for wrong in ["", &id[9..], &id, "ZZZZZZZZ"] {
            assert_eq!(with_id_ending(&keys, wrong), None, "{wrong}");
        }
        assert_eq!(with_id_ending(&[keys[0], keys[0]], &keys[0].id().to_string()[8..]), None, "ambiguous");
    }
}
