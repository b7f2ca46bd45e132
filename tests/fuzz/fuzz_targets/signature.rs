//! A detached signature.
#![no_main]

use landfall_keys::Signature;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signature) = Signature::parse(bytes) {
        let canonical = signature.to_file();
        assert!(Signature::parse_canonical(canonical.as_bytes()).is_ok());
    }
});
