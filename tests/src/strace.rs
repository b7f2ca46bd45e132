//! The system calls by which a command changes a folder, found by strace, and the command killed before any of them.

use crate::{Command, Output};
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What may change a file system, after the list in syscalls(2). `?` is for calls that not every architecture has.
const CALLS: &str = "open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,\
                     rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,\
                     mknodat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,truncate,ftruncate,fallocate,fsync,\
                     fdatasync,sync_file_range,syncfs,utimensat,setxattr,fsetxattr,flock,ioctl";

/// A moment before one system call: the `nth` call of that name in the thread that makes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The call, such as `renameat`.
    pub call: String,
    /// Counted from 1.
    pub nth: u32,
}

/// What a command does to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Points {
    /// Where it can be killed.
    pub points: Vec<Point>,
    /// The number of calls that change the folder. strace counts by thread: where several threads make the same call,
    /// there are more calls than points.
    pub calls: usize,
}

/// Runs `command` to its end and finds every call by which it changes `folder`.
pub fn points(command: &Command, folder: &Path, log: &Path) -> Result<Points> {
    let trace = format!("trace={}", CALLS.split(',').map(|call| format!("?{call}")).collect::<Vec<_>>().join(","));
    command.clone().under("strace", ["-f", "-qq", "-y", "-s", "0", "-e", &trace, "-o", &log.to_string_lossy()]).ok()?;
    let text = std::fs::read_to_string(log).with_context(|| format!("read {}", log.display()))?;
    Ok(read(&text, &folder.to_string_lossy()))
}

/// Runs `command` and kills it at `point`, before the call does anything.
pub fn kill_at(command: &Command, point: &Point) -> Result<Output> {
    let trace = format!("trace={}", point.call);
    let inject = format!("inject={}:signal=SIGKILL:when={}", point.call, point.nth);
    command.clone().under("strace", ["-f", "-qq", "-e", &trace, "-e", &inject, "-o", "/dev/null"]).run()
}

/// Reads strace's log: `PID call(arguments) = result`, where `-y` names the files behind descriptors.
fn read(log: &str, folder: &str) -> Points {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut points = BTreeSet::new();
    let mut calls = 0;
    for (pid, event) in log.lines().filter_map(|line| line.split_once(' ')) {
        let Some((call, rest)) = event.trim_start().split_once('(') else { continue };
        if !call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let nth = counts.entry((pid, call)).or_default();
        *nth += 1;
        if rest.contains(folder) && changes(call, rest) {
            calls += 1;
            points.insert(Point { call: call.to_owned(), nth: *nth });
        }
    }
    Points { points: points.into_iter().collect(), calls }
}

fn changes(call: &str, arguments: &str) -> bool {
    match call {
        "open" | "openat" | "openat2" => {
            ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| arguments.contains(flag))
        }
        "ioctl" => arguments.contains("FICLONE"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn finds_what_changes_a_folder_and_nothing_else() {
        let log = "7 openat(AT_FDCWD</>, \"/r/a\"..., O_RDONLY) = 3</r/a>\n\
                   7 openat(AT_FDCWD</>, \"/r/b\"..., O_WRONLY|O_CREAT, 0600) = 4</r/b>\n\
                   7 write(2</dev/null>, \"\"..., 5) = 5\n\
                   8 write(4</r/b>, \"\"..., 5 <unfinished ...>\n\
                   7 write(4</r/b>, \"\"..., 5) = 5\n\
                   8 <... write resumed>) = 5\n\
                   8 write(4</r/b>, \"\"..., 5) = 5\n\
                   7 --- SIGCHLD {si_signo=SIGCHLD} ---\n";
        let found = read(log, "/r");
        let point = |call: &str, nth| Point { call: call.to_owned(), nth };
        assert_eq!(found.points, [point("openat", 2), point("write", 1), point("write", 2)]);
        assert_eq!(found.calls, 4);
    }

    #[test]
    fn a_command_is_killed_before_the_call() {
        crate::tools::ensure().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let remove = Command::new("rm").arg(&file);
        let killed = kill_at(&remove, &Point { call: "unlinkat".to_owned(), nth: 1 }).unwrap();
        assert_eq!(killed.code, 137, "{}", killed.said());
        assert!(file.exists());
        let found = points(&remove, folder.path(), &folder.path().with_extension("log")).unwrap();
        assert_eq!(found.points, [Point { call: "unlinkat".to_owned(), nth: 1 }]);
        assert!(!file.exists());
    }
}
