//! Keys that everybody knows: fuzzers sign with the first one.

use landfall_keys::{PublicKey, SecretKey, SecretKeyFile, TrustedKeys};
use std::sync::LazyLock;

/// The first key as `minisign -G -W` writes it.
pub(crate) const FILE: &str = "untrusted comment: minisign secret key\n\
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZU6V35WE4WemLNfyooo0U1yEQUWSY0RSG6XpR5gMYSxhRRFL\
    GJdFF2R1daZkB6IMvyJHGnLWuuvh4QHjXlvvps/OR78yP9cM+agfJ7/pODJX1z67/Gs8GAvO4pJ27f3XkEFD561Gtjw=\n";
const SECOND: &str = "untrusted comment: minisign secret key\n\
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAp62moGpR9B5r+i5WfkVgek8RKc+NGsQIQ8E9w+UcEKi8xgme\
    AbpP6Yxxa4BG5AgAqtt8ARifAVUyNTnC1MOsy6T4PWTIBffpzPogDvRL7T6+h7FTSU/H4yea09gzWFo0OThTxTHNogM=\n";
const THIRD: &str = "untrusted comment: minisign secret key\n\
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADolJUyX4DA/TWCJJ539VCAC19/NfbfiqWn0dg4CKz4RHc2Tn\
    Ptdv3IZav9AvDVtPPelZ70nz7fjMEAe8TVNBraLYmtww2GxxZUF/ytBB99hT1tZNTeMeKXncFAGQL9F7qJUf9nzDVV4=\n";

/// The first key.
pub(crate) static KEY: LazyLock<SecretKey> = LazyLock::new(|| opened(FILE));
/// Keys that no fuzzer signs with.
pub(crate) static OTHERS: LazyLock<[SecretKey; 2]> = LazyLock::new(|| [SECOND, THIRD].map(opened));

fn opened(file: &str) -> SecretKey {
    SecretKeyFile::parse(file).and_then(|file| file.unlock(None)).expect("a key without a password")
}

/// The first key's public half.
pub(crate) fn public() -> PublicKey {
    KEY.public_key()
}

/// Trust in the first key alone.
pub(crate) fn trusted() -> TrustedKeys {
    TrustedKeys::new(vec![public()], 1).expect("one key meets a threshold of one")
}
