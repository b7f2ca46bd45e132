//! `--trust` on a host that has pinned a root: the pinned root decides, and a `--trust` that differs is refused or reported.

use super::CliTrust;
use landfall_console::{Console, Exit, Failure};
use landfall_keys::{PublicKey, TrustRoot};
use landfall_manifests::Digest;

/// Refuses a given root that differs from the one that the pinned root leads to, unless it is older. Given keys have signed the
/// bundle already, so a difference is only a warning.
///
/// `given_newest` is the newest root that `given` leads to, `pinned_newest` the one that the pinned root leads to.
///
/// # Errors
/// Exit code 4, `other_root`.
pub(crate) fn check_against_pinned(
    given: &CliTrust,
    given_newest: &TrustRoot,
    pinned_newest: &TrustRoot,
    console: Console,
) -> Result<(), Failure> {
    let (version, keys) = (pinned_newest.version(), pinned_newest.trusted_keys());
    match given {
        // An older root is no contradiction: an operator may have the file from the first installation at hand.
        CliTrust::Root(root) if given_newest != pinned_newest && given_newest.version() >= version => {
            let theirs = root.version();
            let message = format!(
                "--trust names version {theirs} of a trust root, but the root that this host has pinned leads to version \
                 {version}, which differs from it"
            );
            let hint = format!(
                "leave out --trust to use the pinned root (`landfall-installer trust show`); to replace it by the given one \
                 first: `landfall-installer trust import PATH --replace {}`",
                Digest::of(root.to_json().as_bytes())
            );
            return Err(Failure::new(Exit::Untrusted, "other_root", message).hint(hint));
        }
        _ if has_same_signers(given_newest, pinned_newest) => {}
        _ => console.warn(format_args!(
            "--trust is only an additional check: this host uses version {version} of the trust root that it has pinned, {} \
             of {} keys",
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
