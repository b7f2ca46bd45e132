//! Restarts of the program.

use crate::fake_systemd::FakeSystemd;
use landfall_keys::{RootChanges, SecretKey, TrustRoot};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[test]
fn clients_wait_while_the_program_is_restarted() {
    let mut systemd = FakeSystemd::new();
    let mut first = systemd.start();
    let names: Vec<_> = systemd.stored.keys().cloned().collect();
    assert_eq!(names, [format!("port-{}", systemd.port), "socket".to_owned()]);
    // Killed: it cannot store anything at its end.
    first.kill().unwrap();
    first.wait().unwrap();
    let mut client = systemd.connect();
    client.write_all(REQUEST).unwrap();
    let mut root = UnixStream::connect(systemd.folder.path().join("run/landfall/landfall.sock")).unwrap();
    root.write_all(REQUEST).unwrap();
    let mut second = systemd.start();
    for answer in [read(&mut client), read(&mut root)] {
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains(r#""release":"1.0.0-1""#), "{answer}");
    }
    kill_process(Pid::from_child(&second), Signal::TERM).unwrap();
    assert!(second.wait().unwrap().success());
}

#[test]
fn idle_connections_delay_no_restart() {
    let mut systemd = FakeSystemd::new();
    let mut program = systemd.start();
    let mut durations = Vec::new();
    for signal in [Signal::USR2, Signal::TERM].repeat(4) {
        let mut idle: Vec<_> = (0..20).map(|_| systemd.connect()).collect();
        for client in &mut idle {
            client.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            assert!(client.read(&mut [0; 4096]).unwrap() > 0);
        }
        let _silent = systemd.connect();
        let start = Instant::now();
        kill_process(Pid::from_child(&program), signal).unwrap();
        // All of them are still connected.
        assert!(program.wait().unwrap().success());
        // This client connects between the two processes.
        let mut client = systemd.connect();
        client.write_all(REQUEST).unwrap();
        program = systemd.start();
        assert!(read(&mut client).starts_with("HTTP/1.1 503 "));
        durations.push(start.elapsed());
    }
    println!("from the signal to the first answer of the next: {durations:?}");
    program.kill().unwrap();
    program.wait().unwrap();
}

#[test]
fn a_release_whose_key_was_revoked_since_starts_again_with_a_warning() {
    let mut systemd = FakeSystemd::new();
    let root = systemd.folder.path();
    let pinned = root.join("etc/landfall/trust.json");
    let accepted = TrustRoot::parse(&fs::read(&pinned).unwrap()).unwrap();
    let (signer, spare) = (accepted.trusted_keys().keys()[0], SecretKey::generate().unwrap().public_key());
    let changes = RootChanges { add: vec![spare], revoke: vec![signer.id()], ..RootChanges::default() };
    fs::write(pinned, accepted.next(&changes).unwrap().to_json()).unwrap();
    let mut program = systemd.start();
    program.kill().unwrap();
    program.wait().unwrap();
    let mut log = String::new();
    program.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let warning = format!("signed by {}, which this host has revoked", signer.id());
    assert!(log.contains("event=release_refused_today") && log.contains(&warning), "{log}");
}

#[test]
fn a_second_program_on_the_same_host_is_refused() {
    let mut systemd = FakeSystemd::new();
    let mut first = systemd.start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    let second = command.arg("--root").arg(systemd.folder.path()).arg("serve").output().unwrap();
    assert_eq!(second.status.code(), Some(8), "{second:?}");
    first.kill().unwrap();
    first.wait().unwrap();
}

fn read(stream: &mut impl std::io::Read) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
