//! A secret key's file. Files that ask for a password are parsed only: scrypt takes seconds on purpose.
#![no_main]

use landfall_keys::SecretKeyFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(file) = SecretKeyFile::parse(text) {
        if !file.needs_password() {
            let _ = file.unlock(None);
        }
    }
});
