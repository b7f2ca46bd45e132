//! The question on a host that trusts no key yet: whether the root, or else a key, that the bundle offers is the publisher's (trust
//! on first use, by a person who compares it).

use super::{CliTrust, FirstUseError, OfferedRoot};
use landfall_console::Console;
use landfall_keys::PublicKey;

/// How often an operator may mistype.
const TRIES: usize = 3;
/// How many characters the operator types: half of a key id's 16, or as many of a root's digest.
const TYPED_CHARS: usize = 8;

/// Lets the operator accept the root that the bundle brings. None of its keys alone is on offer: more people may have to sign.
///
/// # Errors
/// It was not accepted.
pub(crate) fn prompt_for_root(offered: &OfferedRoot, console: Console) -> Result<CliTrust, FirstUseError> {
    let digest = offered.digest();
    console.warn(format_args!("this host trusts no key yet. The bundle brings {}:", offered.title()));
    console.warn(format_args!("  {digest}"));
    for key in offered.root().trusted_keys().keys() {
        console.warn(format_args!("  key id {}\n           {key}", key.id()));
    }
    console.warn(
        "anybody can make such a bundle. Compare the whole digest above with the one that the publisher gave you out of band, \
         not on this media.",
    );
    let question = format!("To trust this root, type the last {TYPED_CHARS} characters of its digest:");
    let chosen = |answer: &str| ends_with(&digest, answer).then(|| CliTrust::Root(offered.root().clone()));
    ask(&question, "the digest above does not end like this", chosen, console)
}

/// Lets the operator accept one of the keys that the bundle itself offers, where it brings no root.
///
/// # Errors
/// There is no key on offer, or none was accepted.
pub(crate) fn prompt_for_key(offered: &[PublicKey], console: Console) -> Result<CliTrust, FirstUseError> {
    if offered.is_empty() {
        return Err(FirstUseError::NoKeyOffered);
    }
    console.warn("this host trusts no key yet. The bundle says that it is signed by:");
    for key in offered {
        console.warn(format_args!("  key id {}\n           {key}", key.id()));
    }
    console.warn(
        "anybody can make such a bundle. Compare the whole line above, from RW to its end, with the key that the publisher \
         gave you out of band, not on this media: only the line identifies the key, its id can be imitated.",
    );
    let question = format!("To trust a key, type the last {TYPED_CHARS} characters of its id:");
    let chosen = |answer: &str| with_id_ending(offered, answer).map(|key| CliTrust::Keys(vec![key], 1));
    ask(&question, "none of the key ids above ends like this", chosen, console)
}

/// Asks until the answer chooses something, but not for ever.
fn ask(
    question: &str,
    wrong: &str,
    chosen: impl Fn(&str) -> Option<CliTrust>,
    console: Console,
) -> Result<CliTrust, FirstUseError> {
    for _ in 0..TRIES {
        let Some(answer) = console.ask(question)? else { break };
        if let Some(trust) = chosen(&answer) {
            return Ok(trust);
        }
        console.warn(wrong);
    }
    Err(FirstUseError::NoKeyAccepted)
}

/// Whether what was typed is the end of `text`.
fn ends_with(text: &str, answer: &str) -> bool {
    // An id is shown in capitals, a digest in small letters; whoever types it from paper need not.
    let answer = answer.trim().to_uppercase();
    // Neither fewer, which would match by chance, nor the whole pasted from the screen.
    answer.len() == TYPED_CHARS && text.to_uppercase().ends_with(&answer)
}

/// The one key whose id ends with what was typed; none if two do.
fn with_id_ending(offered: &[PublicKey], answer: &str) -> Option<PublicKey> {
    let mut matching = offered.iter().filter(|key| ends_with(&key.id().to_string(), answer));
    match (matching.next(), matching.next()) {
        (Some(key), None) => Some(*key),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_keys::SecretKey;

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

    #[test]
    fn a_root_is_accepted_by_the_end_of_its_digest_and_nothing_less() {
        let digest = landfall_manifests::Digest::of(b"root").to_string();
        let end = &digest[digest.len() - TYPED_CHARS..];
        assert!(ends_with(&digest, end) && ends_with(&digest, &format!(" {} ", end.to_uppercase())));
        for wrong in ["", &end[1..], &digest, "ZZZZZZZZ"] {
            assert!(!ends_with(&digest, wrong), "{wrong}");
        }
    }
}
