use crate::escape::{escaped, escaped_json};
use crate::journal::{self, Priority};
use crate::{Failure, Progress, failure::Report};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::{LazyLock, Mutex, PoisonError};

/// How many warnings are kept for the result. All of them are printed.
const MAX_WARNINGS: usize = 100;

/// The flags that every command of every program takes.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Flags {
    /// Print one JSON object on standard output instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results as text, or as one JSON object as --json does [default: text]
    #[arg(long = "output", value_name = "FORMAT", global = true, conflicts_with = "json")]
    pub format: Option<ResultFormat>,
    /// Print results and errors only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more about what is being done
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ResultFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl Flags {
    /// Whether results are printed as JSON.
    fn is_json(self) -> bool {
        self.json || self.format == Some(ResultFormat::Json)
    }
}

/// Where a command writes: results to standard output, everything else to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    flags: Flags,
    terminal: bool,
    journal: bool,
    /// The warnings so far. Leaked, since a console lives as long as the program.
    warnings: &'static Mutex<Vec<String>>,
}

impl Console {
    /// A console that follows `flags`. Bars are drawn only where standard error is a terminal.
    pub fn new(flags: Flags) -> Self {
        let terminal = io::stderr().is_terminal();
        Self { flags, terminal, journal: journal::takes_stderr(), warnings: Box::leak(Box::default()) }
    }

    /// A quiet console without a terminal: no bars are drawn, and no questions are asked. Each program has one.
    pub fn unattended() -> Self {
        static CONSOLE: LazyLock<Console> =
            LazyLock::new(|| Console { terminal: false, ..Console::new(Flags { quiet: true, ..Flags::default() }) });
        *CONSOLE
    }

    /// Prints a line of progress.
    pub fn say(&self, line: impl Display) {
        if !self.flags.quiet {
            to_stderr(Priority::Info, &line);
        }
    }

    /// Whether more is to be said.
    pub fn is_verbose(&self) -> bool {
        self.flags.verbose
    }

    /// Prints a line of progress under `--verbose` only.
    pub fn detail(&self, line: impl Display) {
        if self.flags.verbose {
            to_stderr(Priority::Debug, &line);
        }
    }

    /// Prints a warning, even under `--quiet`.
    pub fn warn(&self, line: impl Display) {
        let line = line.to_string();
        to_stderr(Priority::Warning, &format_args!("warning: {line}"));
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < MAX_WARNINGS {
            warnings.push(line);
        }
    }

    /// The first hundred warnings so far, for programs that read the result.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Prints what is going to happen before a question about it, even under `--quiet`.
    pub fn show(&self, text: impl Display) {
        to_stderr(Priority::Info, &text);
    }

    /// Prints the result: `text`, or `object` as one JSON object under `--json`.
    ///
    /// # Errors
    /// Standard output cannot be written to; a reader that went away is not an error.
    pub fn result<E: From<io::Error>>(&self, object: &impl Serialize, text: impl Display) -> Result<(), E> {
        let text = if self.flags.is_json() {
            escaped_json(&serde_json::to_string_pretty(object).map_err(io::Error::from)?)
        } else {
            escaped(&text.to_string())
        };
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        self.raw(format!("{text}{end}").as_bytes())
    }

    /// Prints bytes to standard output as they are.
    ///
    /// # Errors
    /// Standard output cannot be written to; a reader that went away is not an error.
    pub fn raw<E: From<io::Error>>(&self, bytes: &[u8]) -> Result<(), E> {
        let mut stdout = io::stdout().lock();
        // Flushed here: a full disk behind `> file` would otherwise show at exit only, where the error is dropped.
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            // Rust ignores SIGPIPE, so a reader that has seen enough (`| head`) shows as EPIPE here.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// Prints a failure: a JSON object on standard output under `--json`, text on standard error otherwise.
    pub fn failure(&self, failure: &Failure) {
        if self.flags.is_json() && failure.has_result() {
            return;
        }
        if self.flags.is_json() {
            let report = escaped_json(&serde_json::to_string_pretty(&Report::from(failure)).unwrap_or_default());
            // The exit code still tells of the failure where its report cannot be written.
            if let Err(error) = self.raw::<io::Error>(format!("{report}\n").as_bytes()) {
                to_stderr(Priority::Error, &error);
            }
            return;
        }
        to_stderr(Priority::Error, &format_args!("error: {failure}"));
        if let Some(hint) = failure.advice() {
            to_stderr(Priority::Error, &format_args!("hint: {hint}"));
        }
    }

    /// Follows long work over `total` bytes.
    pub fn progress(&self, what: impl Into<String>, total: Option<u64>) -> Progress {
        let shown = !self.flags.quiet;
        Progress::start(&what.into(), total, shown && self.terminal, shown && !self.terminal)
    }

    /// Whether standard error leads to systemd's journal: a unit runs the program, and nobody waits for it.
    pub fn is_journal(&self) -> bool {
        self.journal
    }

    /// Whether a person can be asked: standard input and standard error are terminals.
    pub fn interactive(&self) -> bool {
        self.terminal && io::stdin().is_terminal()
    }

    /// Asks and returns the answer without the line's end; `None` at the end of input.
    pub fn ask(&self, question: impl Display) -> io::Result<Option<String>> {
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} ")?;
        stderr.flush()?;
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer)?;
        // An empty answer still has its line end: no byte at all is the end of input.
        Ok((read > 0).then(|| answer.trim().to_owned()))
    }
}

/// A closed standard error has no reader, so a failed write is ignored.
fn to_stderr(priority: Priority, line: &dyn Display) {
    let text = line.to_string();
    let text = escaped(&text);
    let _ = if journal::takes_stderr() {
        writeln!(io::stderr().lock(), "{}", journal::with_priority(&text, priority))
    } else {
        writeln!(io::stderr().lock(), "{text}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_copy_of_a_console_remembers_the_first_hundred_warnings() {
        let console = Console::new(Flags::default());
        let copy = console;
        (1..=MAX_WARNINGS + 1).for_each(|number| copy.warn(format_args!("number {number}")));
        console.show("what is going to happen");
        let warnings = console.warnings();
        assert_eq!((warnings.len(), warnings[0].as_str()), (MAX_WARNINGS, "number 1"));
        assert!(Console::new(Flags::default()).warnings().is_empty());
    }
}
