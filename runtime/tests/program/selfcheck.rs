//! `landfall selfcheck`, as the installer asks it.

use crate::fake_systemd::FakeSystemd;
use serde_json::Value;
use std::process::Command;

/// The command's result, and its exit code.
fn self_check(systemd: &FakeSystemd) -> (Value, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    let output = command.arg("--root").arg(systemd.folder.path()).args(["selfcheck", "--json"]).output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
}

#[test]
fn a_failed_check_is_named_in_the_error() {
    let mut systemd = FakeSystemd::new();
    let (result, code) = self_check(&systemd);
    assert_eq!((&result["error"]["code"], code), (&"not_running".into(), Some(6)), "{result}");

    let mut program = systemd.start();
    let (result, code) = self_check(&systemd);
    assert_eq!((&result["error"]["code"], code), (&"selfcheck".into(), Some(6)), "{result}");
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("release 1.0.0-1 failed its self-check: engine: "), "{message}");
    assert!(!message.contains("database"), "{message}");
    program.kill().unwrap();
    program.wait().unwrap();
}
