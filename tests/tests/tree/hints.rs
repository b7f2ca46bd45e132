//! Commands that the programs and the documents advise are commands that the programs take.
//!
//! Each text in the sources of the three programs and of the libraries below them, and each document, is searched for command
//! lines of ours: between backticks, or on a line of their own. Each is parsed by the program's own command line. What has to be
//! filled in may be missing; a command, a flag or a value that does not exist may not be there.

use anyhow::{Context as _, Result, ensure};
use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use landfall_tests::workspace;
use std::path::{Path, PathBuf};

/// The folders whose texts people read, each with the program whose commands stand there without its name.
const SOURCES: [(&str, Option<&str>); 9] = [
    ("bundler/src", Some("landfall-bundler")),
    ("installer/src", Some("landfall-installer")),
    ("runtime/src", Some("landfall")),
    ("console/src", None),
    ("engine/src", None),
    ("host/src", None),
    ("manifests/src", None),
    ("media/src", None),
    ("systemd/src", None),
];

/// What stands for a value that the reader has to fill in.
const BLANK: &str = "X";

fn program(name: &str) -> Option<clap::Command> {
    match name {
        "landfall" => Some(landfall::commands::Cli::command()),
        "landfall-bundler" => Some(landfall_bundler::command_line()),
        "landfall-installer" => Some(landfall_installer::command_line()),
        _ => None,
    }
}

/// The texts in Rust source: comments that become help, and string literals, with what is formatted into them as a blank.
fn texts(source: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, from) = rest.split_at(at);
        rest = match () {
            () if from.starts_with("//") => {
                let line = from.lines().next().unwrap_or_default();
                texts.extend(line.strip_prefix("///").map(str::to_owned));
                &from[line.len()..]
            }
            () if from.starts_with('"') && before.ends_with("r#") => {
                from.split_once("\"#").map_or("", |(_, after)| after)
            }
            () if from.starts_with('"') => {
                let (text, after) = literal(&from[1..]);
                texts.push(text);
                after
            }
            () if from.starts_with("'\"'") => &from[3..],
            () if from.starts_with("'\\\"'") => &from[4..],
            () => &from[1..],
        };
    }
    texts
}

/// A string literal without its first quote: its text, and what follows it.
fn literal(source: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = source.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (filled(&text), &source[at + 1..]),
            '\\' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                // The line goes on behind the next one's indentation.
                Some((_, '\n')) => {
                    while characters.clone().next().is_some_and(|(_, next)| next == ' ') {
                        characters.next();
                    }
                }
                Some((_, other)) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    (filled(&text), "")
}

/// `text` with each `{…}` as a blank.
fn filled(text: &str) -> String {
    let mut parts = text.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |filled, part| match part.split_once('}') {
        Some((_, after)) => filled + BLANK + after,
        None => filled + part,
    })
}

/// The command lines in a text, each as words of which the first is a program's name; `own` is the program whose commands stand
/// there without it.
fn commands(text: &str, own: Option<&str>) -> Vec<Vec<String>> {
    let quoted = text.split('`').skip(1).step_by(2);
    let lines = text.lines().map(|line| line.trim_start_matches(['#', '$', ' ']));
    let of_quoted = quoted.filter_map(|line| words(line, own));
    // A line of prose may begin with a program's name too: it then goes on in words that are no command.
    // One line that is all of a text, and is not quoted, is no advice.
    let of_lines =
        lines.filter(|_| text.contains('\n')).filter_map(|line| words(line, None)).filter(|it| is_command(it));
    of_quoted.chain(of_lines).collect()
}

fn is_command(words: &[String]) -> bool {
    let program = program(&words[0]);
    program.is_some_and(|program| words.get(1).is_some_and(|word| program.find_subcommand(word).is_some()))
}

/// The words up to whatever ends a command in a shell; of `a|b|c` the first.
fn words(line: &str, own: Option<&str>) -> Option<Vec<String>> {
    let ends = ["#", "|", "&&", "||", ";", ">", "<", "2>", "\\"];
    let is_drawing = |word: &str| word.starts_with(|first: char| !first.is_ascii() && first != '…');
    let ends_here =
        |word: &&str| ends.contains(word) || word.starts_with("</") || word.starts_with(">/") || is_drawing(word);
    let plain = |word: &str| {
        word.trim_matches(['"', '\'', ',', ';', ')', '[', ']']).split('|').next().unwrap_or_default().to_owned()
    };
    let words: Vec<String> = line.split_whitespace().take_while(|word| !ends_here(word)).map(plain).collect();
    let words: Vec<String> = words.into_iter().filter(|word| word != "…").collect();
    let (first, name) = (words.first()?, words.first()?.rsplit('/').next().unwrap_or_default());
    if program(name).is_some() {
        return (words.len() > 1).then(|| [vec![name.to_owned()], words[1..].to_vec()].concat());
    }
    // `trust = "DIR"` is a setting.
    let own = own.filter(|_| words.get(1).is_some_and(|word| word != "="));
    // One word is the name of something more often than a command.
    let own =
        own.filter(|own| words.len() > 1 && program(own).is_some_and(|it| it.find_subcommand(first).is_some()))?;
    Some([vec![own.to_owned()], words].concat())
}

/// Why a command line is none, if it is none.
fn fault(words: &[String]) -> Option<String> {
    let error = program(&words[0])?.try_get_matches_from(words).err()?;
    let is_blank =
        |value: &str| value.contains(BLANK) || value.contains('…') || value.chars().all(|c| !c.is_lowercase());
    let is_filled_in = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => is_blank(value),
        _ => false,
    };
    match error.kind() {
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        ErrorKind::ValueValidation | ErrorKind::InvalidValue if is_filled_in => None,
        _ => Some(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules", "tests"].contains(&&*name) {
            files(&path, extension, found)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    Ok(())
}

fn faults(text: &str, own: Option<&str>, at: &Path, counted: &mut usize) -> Vec<String> {
    let commands = commands(text, own);
    *counted += commands.len();
    let at = at.strip_prefix(workspace::root()).unwrap_or(at).display();
    commands.iter().filter_map(|words| Some(format!("{at}: {}: {}", words.join(" "), fault(words)?))).collect()
}

#[test]
fn each_command_that_a_message_advises_is_one_that_the_programs_take() -> Result<()> {
    let (mut wrong, mut counted) = (Vec::new(), 0);
    for (folder, own) in SOURCES {
        let mut sources = Vec::new();
        files(&workspace::root().join(folder), "rs", &mut sources)?;
        for path in sources {
            for text in texts(&std::fs::read_to_string(&path)?) {
                wrong.extend(faults(&text, own, &path, &mut counted));
            }
        }
    }
    ensure!(counted > 100, "only {counted} commands were found");
    ensure!(wrong.is_empty(), "advised, but not to be had:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn each_command_in_a_document_is_one_that_the_programs_take() -> Result<()> {
    let (mut wrong, mut counted, mut documents) = (Vec::new(), 0, Vec::new());
    files(workspace::root(), "md", &mut documents)?;
    for path in documents {
        wrong.extend(faults(&std::fs::read_to_string(&path)?, None, &path, &mut counted));
    }
    ensure!(counted > 50, "only {counted} commands were found");
    ensure!(wrong.is_empty(), "written, but not to be had:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let source =
        "hint(\"see `landfall-installer doctor` or \\\n     `landfall-bundler trust show`\"); // `landfall nonsense`\n";
    let found: Vec<Vec<String>> = texts(source).iter().flat_map(|text| commands(text, None)).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(fault(&found[0]).is_some() && fault(&found[1]).is_none(), "{found:?}");
    let own = commands("`trust show` lists the keys, `sort keys` does not", Some("landfall-bundler"));
    assert_eq!(own, [["landfall-bundler", "trust", "show"]]);
}
