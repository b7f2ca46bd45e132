//! What removes data asks first.

use serde_json::Value;
use std::process::{Command, Stdio};

fn landfall(arguments: &[&str]) -> (Value, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.arg("--root").arg(folder.path()).args(arguments).arg("--json").stdin(Stdio::null());
    let output = command.output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
}

#[test]
fn a_tenant_is_destroyed_only_when_that_is_confirmed() {
    let (result, code) = landfall(&["tenant", "destroy", "1"]);
    assert_eq!((&result["error"]["code"], &result["error"]["hint"]), (&"not_confirmed".into(), &"give --yes".into()));
    assert_eq!(code, Some(2), "{result}");
    // With --yes it goes on to the service, of which there is none.
    for confirmed in ["--yes", "-y"] {
        let (result, code) = landfall(&["tenant", "destroy", "1", confirmed]);
        assert_eq!((&result["error"]["code"], code), (&"not_running".into(), Some(6)), "{result}");
    }
}

#[test]
fn a_mistyped_command_suggests_no_removal() {
    for typed in ["restart", "destory", "destry", "remove"] {
        let (result, code) = landfall(&["tenant", typed, "1"]);
        let message = result["error"]["message"].as_str().unwrap();
        assert_eq!((&result["error"]["code"], code), (&"usage".into(), Some(2)), "{result}");
        assert!(!message.contains("destroy"), "{message}");
    }
}
