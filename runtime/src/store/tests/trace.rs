//! The system calls by which a process changes a folder, found by strace, and the process killed or failed at each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Output;

use super::child::Order;

/// What may change a file system and is used by SQLite or by us. `?` is for calls that not every architecture has.
const CALLS: &str = "?open,openat,write,pwrite64,?rename,renameat,renameat2,?link,linkat,?unlink,unlinkat,ftruncate,\
                     fallocate,fsync,fdatasync,copy_file_range,sendfile,?chmod,fchmod,fchmodat,fchown,flock";

/// A moment before one system call: the `nth` call of that name in its process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) call: String,
    nth: u32,
}

/// Lets an order be followed to its end, and finds every call by which it changed `folder`.
pub(super) fn points(order: Order, database: &Path, folder: &Path) -> Vec<Point> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let (trace, log_path) = (format!("trace={CALLS}"), log.path().to_string_lossy().into_owned());
    let words = ["strace", "-f", "-qq", "-y", "-s", "0", "-e", &trace, "-o", &log_path];
    let output = run(order, database, &words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read(&std::fs::read_to_string(log.path()).unwrap(), &folder.to_string_lossy())
}

/// Lets an order be followed, with a tampered call: `signal=SIGKILL`, or `error=EIO`.
pub(super) fn tampered(order: Order, database: &Path, point: &Point, tampering: &str) -> Output {
    let trace = format!("trace={}", point.call);
    let inject = format!("inject={}:{tampering}:when={}", point.call, point.nth);
    run(order, database, &["strace", "-f", "-qq", "-e", &trace, "-e", &inject, "-o", "/dev/null"])
}

fn run(order: Order, database: &Path, through: &[&str]) -> Output {
    order.command(database, through).output().unwrap_or_else(|error| panic!("this test needs strace: {error}"))
}

/// Reads strace's log: `PID call(arguments) = result`, where `-y` names the files behind descriptors.
fn read(log: &str, folder: &str) -> Vec<Point> {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut points = BTreeSet::new();
    for (pid, event) in log.lines().filter_map(|line| line.split_once(' ')) {
        let Some((call, rest)) = event.trim_start().split_once('(') else { continue };
        let nth = counts.entry((pid, call)).or_default();
        *nth += 1;
        let changes = call != "openat" || ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| rest.contains(flag));
        if rest.contains(folder) && changes {
            points.insert(Point { call: call.to_owned(), nth: *nth });
        }
    }
    points.into_iter().collect()
}
