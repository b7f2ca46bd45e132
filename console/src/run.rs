use crate::{Console, Exit, Failure, Flags};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The commands that every program has.
#[derive(Debug, clap::Subcommand)]
pub enum Extras {
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual pages (roff), one for the program and one for each command
    Man {
        /// Write each page into its own file in this folder instead, such as landfall.1
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

impl Extras {
    /// Prints what was asked for, or writes it into the folder that was named.
    ///
    /// # Errors
    /// Standard output or a file in that folder cannot be written.
    pub fn run<C: CommandFactory>(&self, console: &Console) -> io::Result<()> {
        let mut command = C::command();
        match self {
            Self::Completions { shell } => {
                let (name, mut text) = (command.get_name().to_owned(), Vec::new());
                clap_complete::generate(*shell, &mut command, name, &mut text);
                console.raw(&text)
            }
            Self::Man { out: None } => {
                let pages: Vec<Vec<u8>> = pages(command)?.into_iter().map(|page| page.text).collect();
                console.raw(&pages.concat())
            }
            Self::Man { out: Some(folder) } => write_pages(&pages(command)?, folder),
        }
    }
}

/// A manual page.
struct Page {
    /// Its file, such as `landfall-installer-trust-show.1`.
    file_name: String,
    /// In roff, for man(1).
    text: Vec<u8>,
}

/// The pages of a program and all its commands; those that are hidden, and clap's own `help`, have none.
fn pages(mut program: clap::Command) -> io::Result<Vec<Page>> {
    fn add(command: &clap::Command, pages: &mut Vec<Page>) -> io::Result<()> {
        let (man, mut text) = (clap_mangen::Man::new(command.clone()), Vec::new());
        man.render(&mut text)?;
        pages.push(Page { file_name: man.get_filename(), text });
        let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
        shown.into_iter().try_for_each(|sub| add(sub, pages))
    }
    // clap completes the commands' names and flags only while it parses, unless it is asked to (`Command::build`).
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

fn write_pages(pages: &[Page], folder: &Path) -> io::Result<()> {
    let named =
        |path: &Path, error: &io::Error| io::Error::new(error.kind(), format!("write {}: {error}", path.display()));
    std::fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
    for page in pages {
        let path = folder.join(&page.file_name);
        std::fs::write(&path, &page.text).map_err(|error| named(&path, &error))?;
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
        Err(mut error) => {
            suggest_nothing_destructive(&mut error);
            return usage(&error);
        }
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

/// Commands that no mistyped one is taken for: whoever follows a suggestion without reading it would lose data.
const NEVER_SUGGESTED: [&str; 3] = ["destroy", "uninstall", "clear"];

/// Takes the commands that remove something out of what clap suggests instead of an unknown one.
fn suggest_nothing_destructive(error: &mut clap::Error) {
    let mut suggested = match error.remove(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::String(one)) => vec![one],
        Some(ContextValue::Strings(several)) => several,
        _ => return,
    };
    suggested.retain(|command| !NEVER_SUGGESTED.contains(&command.as_str()));
    if !suggested.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(suggested));
    }
}

/// Whether JSON is asked for by words of a command line that is not parsed.
fn asks_for_json(words: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let words: Vec<_> = words.collect();
    let is_named = |pair: &[_]| matches!(pair, [flag, value] if flag == "--output" && value == "json");
    words.iter().any(|word| word == "--json" || word == "--output=json") || words.windows(2).any(is_named)
}

/// `--help` and `--version` are results; anything else clap refuses is a usage error, also as JSON where `--json` was typed.
fn usage(error: &clap::Error) -> ExitCode {
    // clap has parsed nothing when it refuses a command line, so the flag is looked for in what was typed.
    let json = asks_for_json(std::env::args_os());
    let result = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if result || !json {
        // Nobody reads a closed terminal.
        let _ = error.print();
        return if result { Exit::Done.into() } else { Exit::Usage.into() };
    }
    let message = error.to_string();
    // clap's messages begin with the prefix that text on standard error has, and JSON has not.
    let message = message.strip_prefix("error: ").unwrap_or(&message).trim();
    Console::new(Flags { json, ..Flags::default() }).failure(&Failure::new(Exit::Usage, "usage", message));
    Exit::Usage.into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    #[command(name = "landfall")]
    enum Program {
        /// Look after a tenant
        #[command(subcommand)]
        Tenant(Tenant),
        #[command(hide = true)]
        Internal,
        #[command(flatten)]
        Extras(Extras),
    }

    #[derive(Debug, clap::Subcommand)]
    enum Tenant {
        /// Start a tenant
        Spawn,
    }

    #[test]
    fn each_command_that_is_shown_has_a_manual_page_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        write_pages(&pages(Program::command()).unwrap(), &folder.path().join("man1")).unwrap();
        let entries = std::fs::read_dir(folder.path().join("man1")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let expected =
            ["landfall-completions.1", "landfall-man.1", "landfall-tenant-spawn.1", "landfall-tenant.1", "landfall.1"];
        assert_eq!(names, expected);
        let page = std::fs::read_to_string(folder.path().join("man1/landfall-tenant-spawn.1")).unwrap();
        assert!(page.contains("Start a tenant"), "{page}");
    }

    #[derive(clap::Parser)]
    #[command(name = "landfall")]
    enum Destructive {
        Destroy,
        Uninstall,
        Clear,
        Status,
    }

    #[test]
    fn no_mistyped_command_is_taken_for_one_that_removes_something() {
        for (typed, suggested) in [
            ("restart", false),
            ("destory", false),
            ("destro", false),
            ("uninstal", false),
            ("cler", false),
            ("statsu", true),
        ] {
            let mut error = Destructive::try_parse_from(["landfall", typed]).err().unwrap();
            suggest_nothing_destructive(&mut error);
            let text = error.to_string();
            assert_eq!(text.contains("similar"), suggested, "{text}");
            assert!(NEVER_SUGGESTED.iter().all(|command| !text.contains(&format!("'{command}'"))), "{text}");
        }
    }

    #[test]
    fn json_is_asked_for_in_each_of_its_spellings() {
        for (line, expected) in [
            ("landfall --json x", true),
            ("landfall x --output json", true),
            ("landfall x --output=json", true),
            ("landfall x --output text", false),
            ("landfall x --output", false),
            ("landfall json", false),
        ] {
            assert_eq!(asks_for_json(line.split(' ').map(Into::into)), expected, "{line}");
        }
    }

    #[test]
    fn a_page_that_cannot_be_written_is_named() {
        let error = write_pages(&pages(Program::command()).unwrap(), Path::new("/dev/null/man1")).unwrap_err();
        assert!(error.to_string().contains("/dev/null/man1"), "{error}");
    }
}
