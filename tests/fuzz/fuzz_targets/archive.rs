//! A bundle as it comes from a stick. The key that would have to sign it is not known to the fuzzer, so what is reached
//! without trust is the head: header, manifest bytes, signatures.
#![no_main]

use landfall_manifests::Head;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = Head::read(&mut &bytes[..]) {
        let _ = head.offered_keys();
        let _ = head.signers();
        let _ = head.into_signed_without_verifying();
    }
});
