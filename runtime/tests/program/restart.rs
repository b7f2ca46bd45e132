//! Callers wait while the program is restarted.

use crate::supervisor::Supervisor;
use landfall_keys::{RootChanges, SecretKey, TrustRoot};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

const ASK: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[test]
fn callers_wait_while_the_program_is_restarted() {
    let mut supervisor = Supervisor::new();
    let mut first = supervisor.start();
    let names: Vec<_> = supervisor.kept.keys().cloned().collect();
    assert_eq!(names, [format!("port-{}", supervisor.port), "socket".to_owned()]);
    // Not even a chance to say goodbye.
    first.kill().unwrap();
    first.wait().unwrap();
    let mut caller = supervisor.call();
    caller.write_all(ASK).unwrap();
    let mut root = UnixStream::connect(supervisor.folder.path().join("run/landfall/landfall.sock")).unwrap();
    root.write_all(ASK).unwrap();
    let mut second = supervisor.start();
    for answer in [read(&mut caller), read(&mut root)] {
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains(r#""release":"1.0.0-1""#), "{answer}");
    }
    kill_process(Pid::from_child(&second), Signal::TERM).unwrap();
    assert!(second.wait().unwrap().success());
}

#[test]
fn idle_connections_hold_up_no_restart() {
    let mut supervisor = Supervisor::new();
    let mut program = supervisor.start();
    let mut away = Vec::new();
    for signal in [Signal::USR2, Signal::TERM].repeat(4) {
        let mut idle: Vec<_> = (0..20).map(|_| supervisor.call()).collect();
        for caller in &mut idle {
            caller.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            assert!(caller.read(&mut [0; 4096]).unwrap() > 0);
        }
        let _silent = supervisor.call();
        let start = Instant::now();
        kill_process(Pid::from_child(&program), signal).unwrap();
        // All of them are still connected.
        assert!(program.wait().unwrap().success());
        // Between the two, a caller waits.
        let mut caller = supervisor.call();
        caller.write_all(ASK).unwrap();
        program = supervisor.start();
        assert!(read(&mut caller).starts_with("HTTP/1.1 503 "));
        away.push(start.elapsed());
    }
    println!("from the signal to the first answer of the next: {away:?}");
    program.kill().unwrap();
    program.wait().unwrap();
}

#[test]
fn a_release_whose_key_was_revoked_since_starts_again_with_a_warning() {
    let mut supervisor = Supervisor::new();
    let root = supervisor.folder.path();
    let pinned = root.join("etc/landfall/trust.json");
    let accepted = TrustRoot::parse(&fs::read(&pinned).unwrap()).unwrap();
    let (signer, spare) = (accepted.trusted_keys().keys()[0], SecretKey::generate().unwrap().public_key());
    let changes = RootChanges { add: vec![spare], revoke: vec![signer.id()], ..RootChanges::default() };
    fs::write(pinned, accepted.next(&changes).unwrap().to_json()).unwrap();
    let mut program = supervisor.start();
    program.kill().unwrap();
    program.wait().unwrap();
    let mut said = String::new();
    program.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let warning = format!("signed by {}, which this host has revoked", signer.id());
    assert!(said.contains("event=release_refused_today") && said.contains(&warning), "{said}");
}

#[test]
fn a_second_program_on_the_same_host_is_refused() {
    let mut supervisor = Supervisor::new();
    let mut first = supervisor.start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    let second = command.arg("--root").arg(supervisor.folder.path()).arg("serve").output().unwrap();
    assert_eq!(second.status.code(), Some(8), "{second:?}");
    first.kill().unwrap();
    first.wait().unwrap();
}

fn read(stream: &mut impl std::io::Read) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
