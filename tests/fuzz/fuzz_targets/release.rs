//! A signed manifest whose signer is hostile, and the entries that follow from it.
#![no_main]

use landfall_keys::{SecretKey, TrustedKeys};
use landfall_manifests::Release;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::generate().expect("the system gives random bytes"));

fuzz_target!(|bytes: &[u8]| {
    let signature = KEY.sign(bytes, "").expect("an empty comment is valid");
    let trusted = TrustedKeys::new(vec![KEY.public_key()], 1).expect("one key");
    let verified = trusted.verify(bytes.to_vec(), &[signature]).expect("it was just signed");
    if let Ok(release) = Release::from_verified(verified) {
        let again = release.get().to_json();
        assert!(!again.is_empty());
        let _ = (release.get().id(), release.get().file_name(), release.get().blob_sizes());
    }
});
