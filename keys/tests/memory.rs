//! Password protection where memory is short.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use landfall_keys::{KeyError, Protection, SecretKey};

/// Kibibytes of address space: enough for a test program, too little for scrypt's 1 GiB.
const ADDRESS_SPACE_KIB: u32 = 600 << 10;

#[test]
fn says_how_much_memory_a_password_needs_rather_than_aborting() {
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB} && exec \"$0\" --exact --ignored --nocapture in_little_memory");
    let output = Command::new("sh").args(["-c", &script]).arg(std::env::current_exe().unwrap()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("1 passed"), "{stdout}");
}

#[test]
#[ignore = "the test above runs it in a small address space"]
fn in_little_memory() {
    let refused = SecretKey::generate().unwrap().to_file(Protection::Password(b"password"));
    assert!(matches!(refused, Err(KeyError::Memory { bytes }) if bytes == 1 << 30), "{refused:?}");
}
