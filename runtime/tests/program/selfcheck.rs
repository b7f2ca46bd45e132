//! `landfall selfcheck`, as the installer asks it.

use crate::supervisor::Supervisor;
use serde_json::Value;
use std::process::Command;

/// What the command says, and its exit code.
fn self_check(supervisor: &Supervisor) -> (Value, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    let output = command.arg("--root").arg(supervisor.folder.path()).args(["selfcheck", "--json"]).output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
}

#[test]
fn a_failed_check_is_named_in_the_error() {
    let mut supervisor = Supervisor::new();
    let (said, code) = self_check(&supervisor);
    assert_eq!((&said["error"]["code"], code), (&"not_running".into(), Some(6)), "{said}");

    let mut program = supervisor.start();
    let (said, code) = self_check(&supervisor);
    assert_eq!((&said["error"]["code"], code), (&"selfcheck".into(), Some(6)), "{said}");
    let message = said["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("release 1.0.0-1 failed its self-check: engine: "), "{message}");
    assert!(!message.contains("database"), "{message}");
    program.kill().unwrap();
    program.wait().unwrap();
}
