use crate::{Console, Exit, Failure, Flags};
use clap::{CommandFactory, Parser, error::ErrorKind};
use std::process::ExitCode;

/// The commands that every program has.
#[derive(Debug, clap::Subcommand)]
pub enum Extras {
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff), one for the program and one for each command
    Man,
}

impl Extras {
    /// Prints what was asked for.
    pub fn run<C: CommandFactory>(&self, console: &Console) -> std::io::Result<()> {
        let mut command = C::command();
        let mut text = Vec::new();
        match self {
            Self::Completions { shell } => {
                let name = command.get_name().to_owned();
                clap_complete::generate(*shell, &mut command, name, &mut text);
            }
            Self::Man => {
                command.build();
                pages(&command, &mut text)?;
            }
        }
        console.raw(&text)
    }
}

fn pages(command: &clap::Command, text: &mut Vec<u8>) -> std::io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(text)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages(sub, text)?;
    }
    Ok(())
}

/// Parses the command line, runs the command and turns the outcome into an exit code.
pub fn run<C: Parser, E: Into<Failure>>(
    flags: impl FnOnce(&C) -> Flags,
    command: impl FnOnce(C, &Console) -> Result<(), E>,
) -> ExitCode {
    let cli = match C::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let console = Console::new(flags(&cli));
    match command(cli, &console) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            let failure: Failure = error.into();
            console.failure(&failure);
            failure.exit().into()
        }
    }
}

/// `--help` and `--version` are results; anything else clap refuses is a usage error, also as JSON where `--json` was typed.
fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|arg| arg == "--json");
    let result = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if result || !json {
        // Nobody reads a closed terminal.
        let _ = error.print();
        return if result { Exit::Done.into() } else { Exit::Usage.into() };
    }
    let message = error.to_string();
    let message = message.strip_prefix("error: ").unwrap_or(&message).trim();
    Console::new(Flags { json, ..Flags::default() }).failure(&Failure::new(Exit::Usage, "usage", message));
    Exit::Usage.into()
}
