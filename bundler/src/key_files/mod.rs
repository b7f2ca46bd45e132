//! Keys in files, and the passwords that open them. Secrets are wiped, never printed, and never on a command line.

mod key_description;
mod key_pair;

pub(crate) use key_description::{KeyContent, KeyDescription};
pub(crate) use key_pair::{KeyPairError, KeyPairFiles};

use landfall_console::{Console, Size};
use landfall_keys::{
    KeyError, MAX_FILE_BYTES, MAX_PASSWORD_BYTES, PublicKey, PublicKeyError, SecretKey, SecretKeyFile,
};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A key or a password cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("the {what} {} cannot be read", path.display())]
    Read { what: &'static str, path: PathBuf, source: io::Error },
    #[error("the {what} {} is larger than {}", path.display(), Size(*limit as u64))]
    TooLarge { what: &'static str, path: PathBuf, limit: usize },
    #[error("the secret key {}", path.display())]
    SecretKey { path: PathBuf, source: KeyError },
    #[error("{name}")]
    PublicKey { name: String, source: PublicKeyError },
    #[error("{} holds neither a secret nor a public key", path.display())]
    NotAKey { path: PathBuf },
    #[error("a password is needed, and there is no terminal to ask on")]
    NoTerminal,
    #[error("the two passwords differ")]
    PasswordsDiffer,
    #[error("read the password from the terminal")]
    Prompt(#[source] io::Error),
}

type Result<T> = std::result::Result<T, KeyFileError>;

/// Where passwords come from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PasswordArgs {
    /// Read the key's password from the first line of FILE instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// The password of a key that exists.
    fn of(&self, key: &Path, console: Console) -> Result<Zeroizing<String>> {
        match &self.password_file {
            Some(file) => read_password(file),
            None => ask(&format!("Password of {}: ", key.display()), console),
        }
    }

    /// The password for a key that is being made: asked for twice.
    pub(crate) fn new_password(&self, console: Console) -> Result<Zeroizing<String>> {
        if let Some(file) = &self.password_file {
            return read_password(file);
        }
        let first = ask("Password for the new key: ", console)?;
        if *first != *ask("The same again: ", console)? {
            return Err(KeyFileError::PasswordsDiffer);
        }
        Ok(first)
    }
}

fn ask(prompt: &str, console: Console) -> Result<Zeroizing<String>> {
    if !console.interactive() {
        return Err(KeyFileError::NoTerminal);
    }
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(KeyFileError::Prompt)
}

fn read_password(file: &Path) -> Result<Zeroizing<String>> {
    // With room for the line's end, which may be CRLF.
    let text = read_small(file, MAX_PASSWORD_BYTES + 2, "password file")?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// Opens a secret key.
pub(crate) fn secret(path: &Path, password: &PasswordArgs, console: Console) -> Result<SecretKey> {
    let wrong = |source| KeyFileError::SecretKey { path: path.to_owned(), source };
    let text = read_small(path, MAX_FILE_BYTES, "secret key")?;
    let file = SecretKeyFile::parse(&text).map_err(wrong)?;
    let password = file.needs_password().then(|| password.of(path, console)).transpose()?;
    file.unlock(password.as_ref().map(|password| password.as_bytes())).map_err(wrong)
}

/// Opens all of `paths`, each of which must be another key.
pub(crate) fn secrets(paths: &[PathBuf], password: &PasswordArgs, console: Console) -> Result<Vec<SecretKey>> {
    paths.iter().map(|path| secret(path, password, console)).collect()
}

/// A public key as it is handed about: its line, or the path of its file.
pub(crate) fn public(text: &str) -> Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    public_in(text, &read_small(Path::new(text), MAX_FILE_BYTES, "public key")?)
}

/// The public key in the text of the file called `name`.
pub(crate) fn public_in(name: &str, file: &str) -> Result<PublicKey> {
    // A file of the bare line is taken as well; if neither form fits, the usual one's error is shown.
    let parsed = PublicKey::parse_file(file).or_else(|error| file.trim().parse().map_err(|_| error));
    parsed.map_err(|source| KeyFileError::PublicKey { name: name.to_owned(), source })
}

/// The text of a file that has at most `limit` bytes; `what` it is called in errors.
pub(crate) fn read_small(path: &Path, limit: usize, what: &'static str) -> Result<Zeroizing<String>> {
    let file = File::open(path).map_err(|source| KeyFileError::Read { what, path: path.to_owned(), source })?;
    read_open(file, path, limit, what)
}

/// The same of a file that is open; `path` is what it is called in errors.
fn read_open(file: File, path: &Path, limit: usize, what: &'static str) -> Result<Zeroizing<String>> {
    let cannot = |source| KeyFileError::Read { what, path: path.to_owned(), source };
    // Sized in advance: a growing buffer would leave copies of the secret in memory that are never wiped.
    let mut text = Zeroizing::new(String::with_capacity(limit + 1));
    file.take(limit as u64 + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() > limit {
        return Err(KeyFileError::TooLarge { what, path: path.to_owned(), limit });
    }
    Ok(text)
}
