//! Lines for systemd's journal: each says how much it matters (sd-daemon(3)), so that `journalctl --priority warning` shows what does.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::sync::LazyLock;

/// How much a line matters, in the order of syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    Error = 3,
    Warning = 4,
    Info = 6,
    Debug = 7,
}

/// Whether standard error of this process leads to the journal.
pub(crate) fn takes_stderr() -> bool {
    static TAKES: LazyLock<bool> =
        LazyLock::new(|| std::env::var("JOURNAL_STREAM").is_ok_and(|stream| is_stream(&stream, &std::io::stderr())));
    *TAKES
}

/// Whether `file` is the one that `$JOURNAL_STREAM` names by device and inode (systemd.exec(5)). The variable alone says nothing: a
/// process whose standard error was redirected inherits it all the same.
fn is_stream(stream: &str, file: &impl AsFd) -> bool {
    let about = file.as_fd().try_clone_to_owned().map(File::from).and_then(|file| file.metadata());
    about.is_ok_and(|about| stream == format!("{}:{}", about.dev(), about.ino()))
}

/// The text with its priority before each line.
pub(crate) fn with_priority(text: &str, priority: Priority) -> String {
    let priority = priority as u8;
    text.lines().map(|line| format!("<{priority}>{line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_priority() {
        assert_eq!(with_priority("a\nb", Priority::Warning), "<4>a\n<4>b");
        assert_eq!(with_priority("a\n", Priority::Error), "<3>a");
    }

    #[test]
    fn only_the_journals_own_stream_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let [own, other] = ["own", "other"].map(|name| File::create(folder.path().join(name)).unwrap());
        let about = own.metadata().unwrap();
        let stream = format!("{}:{}", about.dev(), about.ino());
        assert!(is_stream(&stream, &own));
        assert!(!is_stream(&stream, &other) && !is_stream("", &own) && !is_stream("8:1", &own));
    }
}
