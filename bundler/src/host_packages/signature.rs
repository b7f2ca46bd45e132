//! The signature of a mirror's list of contents: a clear-signed message (RFC 9580, section 7), verified by Debian's own gpgv, as apt has
//! long done. What is used afterwards is the text that gpgv hands back, and never the file itself.

use super::error::PackageFault;
use landfall_host::durable;
use landfall_host::subprocess::Subprocess;
use std::path::Path;

/// What gpgv is, on every Debian.
const GPGV: &str = "gpgv";
/// A list of contents, in bytes: those of Debian's suites are about 200 KiB.
pub(super) const LIST_BYTES: u64 = 16 << 20;
/// How a line of gpgv's that is meant for programs begins (doc/DETAILS of GnuPG).
const STATUS: &str = "[GNUPG:] ";

/// The text in the clear-signed message in `folder`, if a key of the ring has signed it.
pub(super) fn verified_text(folder: &Path, address: &str, keyring: &Path) -> Result<Vec<u8>, PackageFault> {
    let (message, text) = (folder.join("InRelease"), folder.join("Release"));
    let read = |path: &Path, source| PackageFault::Read { path: path.to_owned(), source };
    // A ring that is not there is told by its name, and not as a key that is missing.
    let keyring = keyring.canonicalize().map_err(|source| read(keyring, source))?;
    std::fs::File::open(&keyring).map_err(|source| read(&keyring, source))?;
    let verified = Subprocess::new(GPGV)
        .args(["--homedir".as_ref(), folder.as_os_str()])
        // Nobody can be sure of who made these (as apt has it).
        .args(["--weak-digest", "SHA1", "--weak-digest", "RIPEMD160", "--status-fd", "1"])
        .args(["--keyring".as_ref(), keyring.as_os_str(), "--output".as_ref(), text.as_os_str(), message.as_os_str()])
        .run()
        .map_err(PackageFault::Gpgv)?;
    judge(&String::from_utf8_lossy(&verified.stdout)).map_err(|reason| PackageFault::Signature {
        address: address.to_owned(),
        keyring,
        reason,
    })?;
    let found = durable::read(&text, LIST_BYTES).map_err(|error| read(&text, error.source))?;
    Ok(found.unwrap_or_default())
}

/// Judges what gpgv says: at least one good signature, and none that is bad. Signatures by keys that the ring does not have are passed
/// over: an archive signs with its old and its new keys at once.
fn judge(status: &str) -> Result<(), String> {
    let (mut is_good, mut valid, mut others) = (false, 0, Vec::new());
    for line in status.lines().filter_map(|line| line.strip_prefix(STATUS)) {
        let mut words = line.split_whitespace();
        let (word, argument) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match word {
            "NEWSIG" => is_good = false,
            "GOODSIG" => is_good = true,
            // Said of expired ones, too: the word before decides.
            "VALIDSIG" => valid += u32::from(is_good),
            "BADSIG" => return Err(format!("the signature by the key {argument} is false")),
            "NODATA" => others.push("it has no signature".to_owned()),
            "UNEXPECTED" => return Err("it is no signed message".to_owned()),
            "EXPSIG" => others.push(format!("the signature by the key {argument} has expired")),
            "EXPKEYSIG" => others.push(format!("the key {argument} has expired")),
            "REVKEYSIG" => others.push(format!("the key {argument} is revoked")),
            "NO_PUBKEY" => others.push(format!("the key {argument} is not in it")),
            _ => {}
        }
    }
    match (valid, others.is_empty()) {
        (1.., _) => Ok(()),
        (0, true) => Err("it has no valid signature".to_owned()),
        (0, false) => Err(others.join(", ")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn judged(lines: &[&str]) -> Result<(), String> {
        let lines: Vec<String> = lines.iter().map(|line| format!("{STATUS}{line}")).collect();
        judge(&lines.join("\n"))
    }

    #[test]
    fn one_good_signature_suffices_and_a_false_one_spoils_all() {
        let good = ["NEWSIG", "GOODSIG AA Debian", "VALIDSIG FF 2026-01-01"];
        let unknown = ["NEWSIG", "ERRSIG BB 1 8 01 0 9 -", "NO_PUBKEY BB"];
        judged(&good).unwrap();
        judged(&[&unknown[..], &good].concat()).unwrap();
        judged(&[&good[..], &unknown].concat()).unwrap();
        for (lines, reason) in [
            (&[&good[..], &["NEWSIG", "BADSIG CC x"]].concat()[..], "CC is false"),
            (&unknown[..], "BB is not in it"),
            (&["NEWSIG", "EXPKEYSIG DD x", "VALIDSIG FF"], "DD has expired"),
            (&["NEWSIG", "REVKEYSIG DD x", "VALIDSIG FF"], "DD is revoked"),
            (&["NEWSIG", "GOODSIG AA", "NEWSIG", "EXPSIG DD x", "VALIDSIG FF"], "has expired"),
            (&["NODATA 1"], "no signature"),
            (&["NODATA 1", "UNEXPECTED 0"], "no signed message"),
            (&[], "no valid signature"),
        ] {
            let error = judged(lines).unwrap_err();
            assert!(error.contains(reason), "{lines:?}: {error}");
        }
        assert!(judge("GOODSIG AA\nVALIDSIG FF\n").is_err(), "what is not meant for programs counts for nothing");
    }
}
