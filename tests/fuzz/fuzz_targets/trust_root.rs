//! A trust root, as it lies on a host.
#![no_main]

use landfall_keys::TrustRoot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(root) = TrustRoot::parse(bytes) {
        assert!(TrustRoot::parse(root.to_json().as_bytes()).is_ok());
    }
});
