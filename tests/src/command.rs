use anyhow::{Context as _, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The longest that a command may take. Nothing here takes a tenth of it: it is the difference between a failed and a
/// hanging test run.
const LIMIT: Duration = Duration::from_mins(20);

static ECHO: AtomicBool = AtomicBool::new(false);

/// Prints every command line before it runs, from now on. The demo does.
pub fn echo_commands() {
    ECHO.store(true, Ordering::Relaxed);
}

/// A command line: run to its end within a time limit, with its output.
#[derive(Debug, Clone)]
pub struct Command {
    words: Vec<OsString>,
    settings: Vec<(OsString, Option<OsString>)>,
    folder: Option<std::path::PathBuf>,
    input: Vec<u8>,
    quiet: bool,
    shown: Option<String>,
    limit: Duration,
}

/// How a command ended and what it printed.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, as a shell would take it.
    pub line: String,
    /// The exit code; a signal counts as 128 and its number, as in a shell.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

impl Command {
    /// A command that runs `program`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let words = vec![program.as_ref().to_owned()];
        Self { words, settings: vec![], folder: None, input: vec![], quiet: false, shown: None, limit: LIMIT }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, words: I) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// The same command, run by `program` with `options` of its own in front.
    #[must_use]
    pub fn under<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, program: &str, options: I) -> Self {
        let mut words = vec![program.into()];
        words.extend(options.into_iter().map(|word| word.as_ref().to_owned()));
        words.append(&mut self.words);
        self.words = words;
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.settings.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes an environment variable.
    #[must_use]
    pub fn without_env(mut self, name: impl AsRef<OsStr>) -> Self {
        self.settings.push((name.as_ref().to_owned(), None));
        self
    }

    /// Runs in `folder`.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// What the command reads from standard input; nothing by default.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Does not print the command line: for questions that are asked again and again.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Prints `line` in place of the command line: what a person would type.
    #[must_use]
    pub fn shown_as(mut self, line: impl Into<String>) -> Self {
        self.shown = Some(line.into());
        self
    }

    /// Fails after `limit`.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The command line, as a shell would take it.
    pub fn line(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| quoted(&word.to_string_lossy())).collect();
        words.join(" ")
    }

    /// Runs to the end, whatever the exit code.
    pub fn run(self) -> Result<Output> {
        let line = self.shown.clone().unwrap_or_else(|| self.line());
        if ECHO.load(Ordering::Relaxed) && !self.quiet {
            // Paths as somebody in the repository's root would type them.
            println!("   $ {}", line.replace(&format!("{}/", crate::workspace::root().display()), ""));
        }
        let start = Instant::now();
        let mut child = self.spawn().with_context(|| format!("start {line}"))?;
        // Before the wait: a child whose output fills the pipe would wait for a reader (pipe(7)).
        let texts = listen(&mut child, self.input);
        // A process that the command left behind keeps the pipes open, which shows as the limit's end.
        let Some((stdout, stderr)) = collect(&texts, self.limit) else {
            child.kill().with_context(|| format!("kill {line}"))?;
            bail!("{line}: not done after {} s", self.limit.as_secs());
        };
        let status = child.wait().with_context(|| format!("wait for {line}"))?;
        Ok(Output { line, code: code_of(status), stdout, stderr, took: start.elapsed() })
    }

    /// Runs to the end and returns standard output; an exit code other than 0 is an error that tells all.
    pub fn ok(self) -> Result<String> {
        Ok(self.run()?.ok()?.stdout)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let program = self.words.first().map_or_else(OsString::new, Clone::clone);
        let mut command = std::process::Command::new(program);
        command.args(self.words.iter().skip(1));
        for (name, value) in &self.settings {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}

impl Output {
    /// Itself, if the command ended with 0; else an error with the command line and all output.
    pub fn ok(self) -> Result<Self> {
        self.exits(0)
    }

    /// Itself, if the command ended with `code`; else an error with the command line and all output.
    pub fn exits(self, code: i32) -> Result<Self> {
        if self.code != code {
            bail!("{}\nended with {} rather than {code}\n{}{}", self.line, self.code, self.stdout, self.stderr);
        }
        Ok(self)
    }

    /// Standard output and standard error.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Feeds the child and reads both of its channels, each on a thread of its own, so that no pipe fills up.
fn listen(child: &mut Child, input: Vec<u8>) -> Receiver<(bool, String)> {
    let (sender, receiver) = channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not want its input has closed the pipe: not an error of ours.
        std::thread::spawn(move || stdin.write_all(&input).is_ok());
    }
    let pipes: [(bool, Option<Box<dyn Read + Send>>); 2] = [
        (true, child.stdout.take().map(|pipe| Box::new(pipe) as _)),
        (false, child.stderr.take().map(|pipe| Box::new(pipe) as _)),
    ];
    for (is_stdout, pipe) in pipes {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe
                && let Err(error) = pipe.read_to_end(&mut bytes)
            {
                bytes.extend_from_slice(format!("[unreadable: {error}]").as_bytes());
            }
            sender.send((is_stdout, String::from_utf8_lossy(&bytes).into_owned())).is_ok()
        });
    }
    receiver
}

fn collect(texts: &Receiver<(bool, String)>, limit: Duration) -> Option<(String, String)> {
    let end = Instant::now() + limit;
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for _ in 0..2 {
        let (is_stdout, text) = texts.recv_timeout(end.saturating_duration_since(Instant::now())).ok()?;
        if is_stdout { stdout = text } else { stderr = text }
    }
    Some((stdout, stderr))
}

fn code_of(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    // As a shell reports it, so that one number serves for `docker exec`, strace and our own children.
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_command_returns_its_code_and_both_channels() {
        let output = Command::new("sh").args(["-c", "cat; echo bad >&2; exit 3"]).input("in").run().unwrap();
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (3, "in", "bad\n"));
        assert!(output.ok().is_err());
    }

    #[test]
    fn a_signal_counts_as_in_a_shell() {
        assert_eq!(Command::new("sh").args(["-c", "kill -9 $$"]).run().unwrap().code, 137);
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        let error = Command::new("sleep").arg("60").limit(Duration::from_millis(50)).run().unwrap_err();
        assert!(error.to_string().contains("sleep 60: not done"), "{error}");
    }

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        assert_eq!(Command::new("echo").args(["a b", "it's", "", "x=1"]).line(), r"echo 'a b' 'it'\''s' '' x=1");
    }
}
