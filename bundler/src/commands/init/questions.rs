use crate::starter::{StarterError, StarterImage, StarterTenant, as_word};
use landfall_console::Console;
use landfall_manifests::{Product, Version, limits};
use std::io::ErrorKind;
use std::path::Path;

const VERSION: &str = "1.0.0";

/// The questions, each of which is asked only where a person can answer and nothing has answered it yet.
pub(super) struct Questions {
    console: Console,
    are_asked: bool,
}

type Result<T> = std::result::Result<T, StarterError>;

impl Questions {
    pub(super) fn new(console: Console, takes_defaults: bool) -> Self {
        Self { console, are_asked: console.interactive() && !takes_defaults }
    }

    pub(super) fn product(&self, given: Option<Product>, folder: &Path) -> Result<Product> {
        let full = folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_default();
        let name = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let default = as_word(&name, limits::PRODUCT_BYTES, "acme");
        self.answer(given, "Name of the product", &default, |text| {
            text.parse().map_err(|error: <Product as std::str::FromStr>::Err| error.to_string())
        })
    }

    pub(super) fn version(&self, given: Option<Version>) -> Result<Version> {
        self.answer(given, "Version of the first release", VERSION, |text| {
            text.parse().map_err(|error: <Version as std::str::FromStr>::Err| error.to_string())
        })
    }

    pub(super) fn image(&self, given: Option<&str>, folder: &Path) -> Result<Option<StarterImage>> {
        let image = |text: &str| (!text.is_empty()).then(|| StarterImage::of(text, folder)).transpose();
        let given = given.map(image).transpose()?;
        let question = "First image: docker://REF, or a folder or an archive that is here (Enter: none yet)";
        self.answer(given, question, "", |text| image(text).map_err(|error| error.to_string()))
    }

    pub(super) fn tenant(&self, given: Option<StarterTenant>) -> Result<Option<StarterTenant>> {
        let tenant = |text: &str| (!text.is_empty()).then(|| text.parse()).transpose();
        let question = "Tenants run it as LANGUAGE[/FRAMEWORK][:PORT], such as node/express:3000 (Enter: they do not)";
        self.answer(given.map(Some), question, "", tenant)
    }

    /// Whether a person agrees; where nobody is asked, nobody does.
    pub(super) fn agrees(&self, question: &str, default: bool) -> Result<bool> {
        let read = |text: &str| match text.to_lowercase().as_str() {
            "" => Ok(default),
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("answer y or n".to_owned()),
        };
        let choice = if default { "[Y/n]" } else { "[y/N]" };
        if self.are_asked { self.ask(&format!("{question} {choice}"), read) } else { Ok(false) }
    }

    /// What was given, or else what a person answers, or else the default.
    fn answer<T>(
        &self,
        given: Option<T>,
        question: &str,
        default: &str,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        if let Some(given) = given {
            return Ok(given);
        }
        let or_default = |text: &str| read(if text.is_empty() { default } else { text });
        if self.are_asked {
            let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
            return self.ask(&format!("{question}{shown}:"), or_default);
        }
        or_default("").map_err(|_| StarterError::NoAnswer)
    }

    /// Asks until there is an answer that can be used.
    fn ask<T>(&self, question: &str, read: impl Fn(&str) -> std::result::Result<T, String>) -> Result<T> {
        loop {
            let answer = match self.console.ask(question) {
                Ok(answer) => answer.ok_or(StarterError::NoAnswer)?,
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    self.console.show("the answer is not UTF-8 text");
                    continue;
                }
                Err(error) => return Err(StarterError::Answer(error)),
            };
            match read(&answer) {
                Ok(value) => return Ok(value),
                Err(message) => self.console.show(message),
            }
        }
    }
}
