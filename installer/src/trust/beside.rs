//! What the command line says about trust on a host that has pinned a root: that one decides, and nothing given besides is
//! passed over in silence.

use super::Given;
use landfall_console::{Console, Exit, Failure};
use landfall_keys::{PublicKey, TrustRoot};
use landfall_manifests::Digest;

/// Refuses a root that is given, and is not the one to which the pinned one leads, nor older than it. Keys have agreed to the
/// bundle already; where the host goes by others, that is said.
///
/// `led` is the root to which `given` leads, and `today` the one to which the pinned one does.
pub(crate) fn beside(given: &Given, led: &TrustRoot, today: &TrustRoot, console: Console) -> Result<(), Failure> {
    let (version, keys) = (today.version(), today.trusted_keys());
    match given {
        Given::Root(root) if led != today && led.version() >= version => {
            let theirs = root.version();
            let message = format!(
                "--trust gives version {theirs} of a trust root, and what this host has pinned, which leads to version \
                 {version}, is another one"
            );
            let hint = format!(
                "without --trust, what is pinned counts (`landfall-installer trust show`); to have the given one take its place \
                 first: `landfall-installer trust import PATH --replace {}`",
                Digest::of(root.to_json().as_bytes())
            );
            return Err(Failure::new(Exit::Untrusted, "other_root", message).hint(hint));
        }
        _ if has_same_signers(led, today) => {}
        _ => console.warn(format_args!(
            "what --trust gives is only checked besides: this host goes by version {version} of the trust root that it has \
             pinned, {} of {} keys",
            keys.threshold(),
            keys.keys().len()
        )),
    }
    Ok(())
}

fn has_same_signers(one: &TrustRoot, other: &TrustRoot) -> bool {
    let (one, other) = (one.trusted_keys(), other.trusted_keys());
    let all_in = |keys: &[PublicKey], others: &[PublicKey]| {
        keys.iter().all(|key| others.iter().any(|other| other.same_signer(key)))
    };
    one.threshold() == other.threshold() && all_in(one.keys(), other.keys()) && all_in(other.keys(), one.keys())
}
