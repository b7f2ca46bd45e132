//! The key that everybody knows: fuzzers sign with it what they want to be believed.

use landfall_keys::{PublicKey, SecretKey, SecretKeyFile, TrustedKeys};
use std::sync::LazyLock;

/// As `minisign -G -W` writes it.
pub(crate) const FILE: &str = "untrusted comment: minisign secret key\n\
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZU6V35WE4WemLNfyooo0U1yEQUWSY0RSG6XpR5gMYSxhRRFL\
    GJdFF2R1daZkB6IMvyJHGnLWuuvh4QHjXlvvps/OR78yP9cM+agfJ7/pODJX1z67/Gs8GAvO4pJ27f3XkEFD561Gtjw=\n";

/// The key.
pub(crate) static KEY: LazyLock<SecretKey> =
    LazyLock::new(|| SecretKeyFile::parse(FILE).and_then(|file| file.unlock(None)).expect("the key has no password"));

/// Its public half.
pub(crate) fn public() -> PublicKey {
    KEY.public_key()
}

/// Trust in this key alone.
pub(crate) fn trusted() -> TrustedKeys {
    TrustedKeys::new(vec![public()], 1).expect("one key meets a threshold of one")
}
