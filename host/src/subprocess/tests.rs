#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::running::{STDERR_TAIL, TICK};
use super::*;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// More than any of these programs needs, also on a busy machine.
const LONG: Duration = Duration::from_mins(2);
/// How long a program sleeps that must be killed: longer than anything that is waited for.
const FOREVER: u32 = 600;

/// What a script that never ends wrote to standard error before its time limit, which grows until that is `enough`: a slow machine
/// may need longer to come so far.
fn stderr_at_the_limit(script: &str, enough: impl Fn(&str) -> bool) -> String {
    for seconds in [1, 10, 100] {
        let error = sh(script).timeout(Duration::from_secs(seconds)).run().unwrap_err();
        let message = error.to_string();
        let SubprocessError::TimedOut { stderr_tail, .. } = error else { panic!("{message}") };
        assert!(message.starts_with(&format!("/bin/sh did not end within {seconds} s and was killed")), "{message}");
        if enough(&stderr_tail) {
            return stderr_tail;
        }
    }
    panic!("never came so far: {script}");
}

fn sh(script: &str) -> Subprocess {
    Subprocess::new("/bin/sh").args(["-c", script]).timeout(LONG)
}

/// Whether the process with this id comes to its end, long before it would by itself.
fn dies(pid: &[u8]) -> bool {
    let pid = String::from_utf8(pid.to_vec()).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let is_alive = || {
        let state = std::fs::read_to_string(&stat).ok();
        state.is_some_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
    };
    let started = Instant::now();
    while is_alive() && started.elapsed() < LONG {
        std::thread::sleep(TICK);
    }
    !is_alive()
}

#[test]
fn captures_the_code_the_output_and_the_end_of_standard_error() {
    let output = sh("echo out; echo ' no such thing ' >&2; exit 6").run().unwrap();
    let stderr_tail = "no such thing".to_owned();
    assert_eq!(output, CapturedOutput { code: 6, stdout: b"out\n".to_vec(), stderr_tail });
}

#[test]
fn gives_no_input_and_a_plain_environment() {
    let script = "cat; pwd; env | cut -d= -f1 | grep -vx -e PWD -e _ -e SHLVL -e OLDPWD | sort";
    let output = sh(script).env("EXTRA", "1").run().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "/\nEXTRA\nLC_ALL\nPATH\n");
    // Cargo sets it for every test.
    let output = sh("echo $CARGO_PKG_NAME $LC_ALL").inherit_environment().run().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "landfall-host C\n");
}

#[test]
fn kills_what_runs_too_long_together_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!("sleep {FOREVER} & echo $! > {}; echo stuck >&2; sleep {FOREVER}", pid.display());
    stderr_at_the_limit(&script, |stderr| stderr == "stuck");
    assert!(dies(&std::fs::read(pid).unwrap()), "the grandchild lives");
}

#[test]
fn kills_what_a_program_that_ended_had_started() {
    // It holds the pipe, and is not waited for: that would take longer than the time limit.
    let output = sh(&format!("sleep {FOREVER} & echo $!")).run().unwrap();
    assert!(dies(&output.stdout), "the grandchild lives");
}

#[test]
fn kills_what_writes_too_much_and_takes_exactly_what_is_allowed() {
    let error = sh("exec cat /dev/zero").output_limit(1000).run().unwrap_err();
    assert!(matches!(error, SubprocessError::OutputLimit { limit: 1000, .. }), "{error}");
    let zeros = |count: usize| sh(&format!("head -c {count} /dev/zero")).output_limit(300_000);
    assert_eq!(zeros(300_000).run().unwrap().stdout.len(), 300_000);
    assert!(zeros(300_001).run().is_err());
}

#[test]
fn endless_standard_error_ends_at_the_time_limit_and_fills_no_memory() {
    let stderr = stderr_at_the_limit("exec cat /dev/zero >&2", |stderr| stderr.len() >= STDERR_TAIL);
    assert_eq!(stderr.len(), STDERR_TAIL);
}

#[test]
fn reads_one_output_when_the_other_is_closed_and_waits_when_both_are() {
    let output = sh("exec >&-; echo later >&2; exec 2>&-; sleep 0.2; exit 3").run().unwrap();
    assert_eq!((output.code, output.stdout.len(), output.stderr_tail.as_str()), (3, 0, "later"));
}

#[test]
fn an_end_by_a_signal_is_an_error() {
    let error = sh("echo going >&2; kill -SEGV $$").run().unwrap_err();
    assert_eq!(error.to_string(), "/bin/sh was ended by signal 11: going");
}

#[test]
fn says_what_could_not_be_run() {
    for path in ["/no/such/program", "/etc/passwd", "/", "no-such-program"] {
        let error = Subprocess::new(path).run().unwrap_err();
        assert_eq!(error.to_string(), format!("cannot run {path}"));
        assert!(matches!(error, SubprocessError::Start { .. }));
    }
}

#[test]
fn finds_a_bare_name_on_the_path() {
    assert_eq!(Subprocess::new("sh").args(["-c", "exit 4"]).run().unwrap().code, 4);
}

#[test]
fn a_file_that_is_no_program_is_not_given_to_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let (path, trace) = (folder.path().join("landfall"), folder.path().join("trace"));
    let line = format!("\ntouch {}\n", trace.display());
    for head in [&[0; 16 << 10][..], b"", b"the runtime", b"\x7fEL", b"#!", b"#! /bin/sh"] {
        std::fs::write(&path, [head, line.as_bytes()].concat()).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let error = Subprocess::new(&path).run().unwrap_err();
        assert!(matches!(error, SubprocessError::Start { .. }), "{head:?}: {error}");
        assert!(!trace.exists(), "{head:?}: was run");
    }
}
