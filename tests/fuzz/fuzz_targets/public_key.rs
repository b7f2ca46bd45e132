//! A public key: one line, or a file.
#![no_main]

use landfall_keys::PublicKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<PublicKey>() {
        assert!(key.to_line().parse::<PublicKey>().is_ok());
    }
    if let Ok(key) = PublicKey::parse_file(text) {
        assert!(PublicKey::parse_file(&key.to_file()).is_ok());
    }
});
