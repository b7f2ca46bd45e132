use anyhow::{Error, Result};
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

/// Prints to standard error, which is shown for tests that pass, too: the counts are their result.
pub fn tell(what: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Prints, stage by stage, what a program does and how long it takes, and the result at the end.
#[derive(Debug)]
pub struct Report {
    name: &'static str,
    start: Instant,
    stage: String,
}

impl Report {
    /// A report of the program called `name`.
    pub fn new(name: &'static str) -> Self {
        Self { name, start: Instant::now(), stage: "the start".to_owned() }
    }

    /// Prints what is done next, does it, and prints how long it took.
    pub fn stage<T>(&mut self, what: impl Into<String>, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.stage = what.into();
        println!("\n== {}", self.stage);
        let start = Instant::now();
        let outcome = act()?;
        println!("   took {:.1} s", start.elapsed().as_secs_f64());
        Ok(outcome)
    }

    /// Prints the result in one line at the end.
    pub fn verdict(&self, outcome: Result<()>) -> ExitCode {
        let seconds = self.start.elapsed().as_secs();
        println!();
        match outcome {
            Ok(()) => {
                println!("{}: passed in {seconds} s", self.name);
                ExitCode::SUCCESS
            }
            Err(error) => self.failed(&error, seconds),
        }
    }

    fn failed(&self, error: &Error, seconds: u64) -> ExitCode {
        println!("{error:#}");
        println!("{}: FAILED after {seconds} s, at: {}", self.name, self.stage);
        ExitCode::FAILURE
    }
}
