//! strace's log, made with `-f -y -s 0`: `PID call(arguments) = result`, with the files behind descriptors named.

use super::{Call, Point, Trace};
use anyhow::{Result, bail};
use std::collections::BTreeMap;

/// What changes a file system whatever its arguments are, after the list in syscalls(2). The kinds of sync change nothing
/// that another process sees, yet where one fails is as much a place to look at.
const CHANGES: &str = "creat write pwrite64 writev pwritev pwritev2 sendfile copy_file_range splice rename renameat \
                       renameat2 link linkat symlink symlinkat unlink unlinkat rmdir mkdir mkdirat mknod mknodat chmod \
                       fchmod fchmodat fchmodat2 chown fchown lchown fchownat truncate ftruncate fallocate fsync \
                       fdatasync sync_file_range syncfs utimensat setxattr fsetxattr removexattr";

/// What a program does while it waits for another, as often as it happens to.
const WAITING: [&str; 8] =
    ["poll", "read", "waitid", "wait4", "futex", "clock_nanosleep", "restart_syscall", "sched_yield"];

impl Trace {
    /// Reads the log of a run that changed `folder`.
    pub(super) fn read(log: &str, folder: &str) -> Result<Self> {
        let mut reader = Reader { folder, parents: parents(log), ..Reader::default() };
        log.lines().try_for_each(|line| reader.line(line))?;
        Ok(reader.trace)
    }
}

/// The bytes that were read from `file`, or from the files in it if it is a folder.
pub(super) fn bytes_read(log: &str, file: &str) -> u64 {
    let descriptors = [format!("<{file}>"), format!("<{file}/")];
    let is_of = |line: &&str| descriptors.iter().any(|descriptor| line.contains(descriptor));
    let results = log.lines().filter(is_of).filter_map(result);
    results.filter_map(|result| u64::try_from(result).ok()).sum()
}

/// The calls in a log, without the threads that made them, and without what only says that one went on.
pub(super) fn calls(log: &str) -> Vec<String> {
    let events = log.lines().filter_map(|line| line.split_once(' ')).map(|(_, event)| event.trim_start());
    events.filter(|event| !event.starts_with(['<', '+', '-'])).map(str::to_owned).collect()
}

#[derive(Default)]
struct Reader<'a> {
    folder: &'a str,
    parents: BTreeMap<&'a str, &'a str>,
    threads: BTreeMap<&'a str, Thread<'a>>,
    /// The thread that is inside a changing call that strace logged in two halves.
    inside: Option<&'a str>,
    trace: Trace,
}

#[derive(Default, Clone)]
struct Thread<'a> {
    program: usize,
    counts: BTreeMap<&'a str, u32>,
    /// The last changing call, as long as none followed.
    last: Option<usize>,
    /// What it is about to execute.
    executes: Option<&'a str>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) -> Result<()> {
        let Some((thread, event)) = line.split_once(' ') else { return Ok(()) };
        let event = event.trim_start();
        if !self.threads.contains_key(thread) {
            // A thread, or a process that has executed nothing yet, runs its parent's program.
            let parent = self.parents.get(thread).and_then(|parent| self.threads.get(parent));
            let program = parent.map_or(0, |parent| parent.program);
            self.threads.insert(thread, Thread { program, ..Thread::default() });
        }
        // The second half of a call whose lines another thread's came between.
        if event.starts_with("<... ") {
            self.inside = self.inside.filter(|inside| *inside != thread);
        } else if let Some((call, rest)) = event.split_once('(')
            && call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            self.begins(thread, call, rest)?;
        }
        if event.contains("execve") && result(event) == Some(0) {
            self.executed(thread);
        }
        Ok(())
    }

    fn begins(&mut self, id: &'a str, name: &'a str, rest: &'a str) -> Result<()> {
        let Some(thread) = self.threads.get_mut(id) else { return Ok(()) };
        let nth = thread.counts.entry(name).or_default();
        *nth += 1;
        let call = Call { program: thread.program, name: name.to_owned(), nth: *nth };
        if name == "execve" {
            thread.executes = rest.split('"').nth(1);
        }
        // Counted above and passed over here: the number of such calls is chance, so no point may be named after one.
        if WAITING.contains(&name) {
            return Ok(());
        }
        if let Some(point) = thread.last.take().and_then(|last| self.trace.points.get_mut(last)) {
            point.next = call.clone();
        }
        if !rest.contains(self.folder) || !changes(name, rest) {
            return Ok(());
        }
        if let Some(other) = self.inside {
            // The line of points would not be a line: what a kill between the two leaves could not be repeated.
            bail!("{id} changes the folder by {name}({rest} while {other} does: which comes first is chance");
        }
        self.inside = rest.ends_with("<unfinished ...>").then_some(id);
        thread.last = Some(self.trace.points.len());
        let arguments = rest.to_owned();
        self.trace.points.push(Point { next: call.clone(), call, arguments });
        Ok(())
    }

    /// The thread is another program now, whose calls count from the start.
    fn executed(&mut self, id: &'a str) {
        let program = self.trace.programs.len();
        let path = self.threads.get(id).and_then(|thread| thread.executes).unwrap_or_default();
        self.trace.programs.push(path.to_owned());
        self.threads.insert(id, Thread { program, ..Thread::default() });
    }
}

/// Which thread started which.
fn parents(log: &str) -> BTreeMap<&str, &str> {
    let starts = |line: &&str| ["clone", "fork"].iter().any(|call| line.contains(call));
    let mut parents = BTreeMap::new();
    for line in log.lines().filter(starts) {
        let started = line.rsplit_once("= ").map(|(_, result)| result.trim());
        if let (Some((parent, _)), Some(started)) = (line.split_once(' '), started) {
            parents.insert(started, parent);
        }
    }
    parents
}

/// A call's result, where the line has one and it is a number.
fn result(line: &str) -> Option<i64> {
    line.rsplit_once("= ")?.1.split([' ', '<']).next()?.parse().ok()
}

fn changes(call: &str, arguments: &str) -> bool {
    match call {
        "open" | "openat" | "openat2" => {
            ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| arguments.contains(flag))
        }
        "ioctl" => arguments.contains("FICLONE"),
        _ => CHANGES.split(' ').any(|change| change == call),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn points(trace: &Trace) -> Vec<(usize, &str, u32, &str)> {
        let points = trace.points.iter();
        points
            .map(|point| (point.call.program, point.call.name.as_str(), point.call.nth, point.next.name.as_str()))
            .collect()
    }

    #[test]
    fn finds_what_changes_a_folder_and_nothing_else() {
        let log = "7 execve(\"/p\", [...], ...) = 0\n\
                   7 openat(AT_FDCWD</>, \"/r/a\", O_RDONLY) = 3</r/a>\n\
                   7 openat(AT_FDCWD</>, \"/r/b\", O_WRONLY|O_CREAT, 0600) = 4</r/b>\n\
                   7 write(2</dev/null>, \"\"..., 5) = 5\n\
                   7 write(4</r/b>, \"\"..., 5) = 5\n\
                   7 --- SIGCHLD {si_signo=SIGCHLD} ---\n\
                   7 read(4</r/b>, \"\"..., 1) = 0\n\
                   7 munmap(0x0, 1) = 0\n\
                   7 fsync(4</r/b>) = 0\n\
                   7 exit_group(0) = ?\n";
        let trace = Trace::read(log, "/r").unwrap();
        assert_eq!(
            points(&trace),
            [(0, "openat", 2, "write"), (0, "write", 2, "munmap"), (0, "fsync", 1, "exit_group")]
        );
        assert_eq!(trace.programs, ["/p"]);
    }

    #[test]
    fn counts_by_thread_and_from_a_programs_start() {
        let log = "7 execve(\"/p\", [...], ...) = 0\n\
                   7 clone3({flags=CLONE_VM|CLONE_THREAD} => {parent_tid=[8]}, 88) = 8\n\
                   8 write(4</r/b>, \"\"..., 5) = 5\n\
                   8 exit(0) = ?\n\
                   7 vfork( <unfinished ...>\n\
                   9 write(1</dev/null>, \"\"..., 5) = 5\n\
                   9 execve(\"/q\", [...], ...) = -1 ENOENT (No such file or directory)\n\
                   9 execve(\"/bin/q\", [...], ... <unfinished ...>\n\
                   7 <... vfork resumed>) = 9\n\
                   9 <... execve resumed>) = 0\n\
                   9 write(4</r/b>, \"\"..., 5) = 5\n\
                   9 exit_group(0) = ?\n\
                   7 write(4</r/b>, \"\"..., 5) = 5\n";
        let trace = Trace::read(log, "/r").unwrap();
        assert_eq!(points(&trace), [(0, "write", 1, "exit"), (1, "write", 1, "exit_group"), (0, "write", 1, "write")]);
        assert_eq!(trace.programs, ["/p", "/bin/q"]);
    }

    #[test]
    fn refuses_changes_whose_order_is_chance() {
        let log = "7 write(4</r/b>, \"\"..., 5 <unfinished ...>\n8 write(4</r/b>, \"\"..., 5) = 5\n";
        assert!(Trace::read(log, "/r").is_err());
        let log = "7 write(4</r/b>, \"\"..., 5 <unfinished ...>\n7 <... write resumed>) = 5\n8 fsync(4</r/b>) = 0\n";
        assert_eq!(Trace::read(log, "/r").unwrap().points.len(), 2);
    }

    #[test]
    fn sums_up_what_was_read() {
        let log = "7 pread64(3</m/b>, \"\"..., 8, 0) = 8\n7 read(4</m/c>, \"\"..., 8) = 8\n\
                   7 read(3</m/b>, \"\"..., 8) = -1 EIO (Input/output error)\n7 read(3</m/b>, \"\"..., 8) = 2\n";
        assert_eq!(bytes_read(log, "/m/b"), 10);
    }
}
