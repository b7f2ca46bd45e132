//! Finds the system calls by which a process changes a folder, and kills the process or makes the call fail at one of them, by strace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Output;

use crate::store::tests::operation::Operation;

/// The calls of SQLite and of this program that may change a file system. `?` marks calls that not every architecture has.
const CALLS: &str = "?open,openat,write,pwrite64,?rename,renameat,renameat2,?link,linkat,?unlink,unlinkat,ftruncate,\
                     fallocate,fsync,fdatasync,copy_file_range,sendfile,?chmod,fchmod,fchmodat,fchown,flock";

/// One system call: the `nth` of that name in its process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) call: String,
    nth: u32,
}

/// Runs an operation to its end, and returns every call by which it changed `folder`.
pub(super) fn points(operation: Operation, database: &Path, folder: &Path) -> Vec<Point> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let (trace, log_path) = (format!("trace={CALLS}"), log.path().to_string_lossy().into_owned());
    let words = ["strace", "-f", "-qq", "-y", "-s", "0", "-e", &trace, "-o", &log_path];
    let output = run(operation, database, &words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read(&std::fs::read_to_string(log.path()).unwrap(), &folder.to_string_lossy())
}

/// Runs an operation with one call tampered with: `signal=SIGKILL`, or `error=EIO`.
pub(super) fn tampered(operation: Operation, database: &Path, point: &Point, tampering: &str) -> Output {
    let trace = format!("trace={}", point.call);
    let inject = format!("inject={}:{tampering}:when={}", point.call, point.nth);
    run(operation, database, &["strace", "-f", "-qq", "-e", &trace, "-e", &inject, "-o", "/dev/null"])
}

fn run(operation: Operation, database: &Path, through: &[&str]) -> Output {
    operation.command(database, through).output().unwrap_or_else(|error| panic!("this test needs strace: {error}"))
}

/// Reads strace's log: `PID call(arguments) = result`, where `-y` names the files behind descriptors.
fn read(log: &str, folder: &str) -> Vec<Point> {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut points = BTreeSet::new();
    for (pid, event) in log.lines().filter_map(|line| line.split_once(' ')) {
        let Some((call, rest)) = event.trim_start().split_once('(') else { continue };
        // For each process, as strace counts for `when=`.
        let nth = counts.entry((pid, call)).or_default();
        *nth += 1;
        let changes = call != "openat" || ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| rest.contains(flag));
        if rest.contains(folder) && changes {
            points.insert(Point { call: call.to_owned(), nth: *nth });
        }
    }
    points.into_iter().collect()
}
