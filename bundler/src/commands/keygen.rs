use crate::error::Result;
use crate::key_files::PasswordArgs;
use landfall_console::Console;
use landfall_keys::{KeyError, Protection, SecretKey};
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Make a key pair: NAME.key to sign with, NAME.pub to hand out
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The files are minisign's: `minisign -V` checks what the secret key signs. Keep NAME.key to yourself; give NAME.pub, \
or the line in it that begins with RW, to those who install.

Examples:
  landfall-bundler keygen --out acme --password
  landfall-bundler keygen --out ci --password-file /run/secrets/ci")]
pub(crate) struct Args {
    /// Where to write: NAME.key and NAME.pub, neither of which may exist
    #[arg(long, value_name = "NAME", default_value = "landfall")]
    out: PathBuf,
    /// Protect the secret key with a password, which is asked for
    #[arg(long)]
    password: bool,
    #[command(flatten)]
    source: PasswordArgs,
}

/// A key pair cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeygenError {
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    #[error(transparent)]
    Generate(KeyError),
    #[error(transparent)]
    Password(KeyError),
    #[error("create {}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeygenReport<'a> {
    key_id: String,
    public_key: String,
    secret_key_file: &'a Path,
    public_key_file: &'a Path,
    protected: bool,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let named = |extension: &str| {
        let mut name = args.out.clone().into_os_string();
        name.push(extension);
        PathBuf::from(name)
    };
    let (secret_file, public_file) = (named(".key"), named(".pub"));
    if let Some(there) = [&secret_file, &public_file].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(KeygenError::Exists { path: there.clone() }.into());
    }
    let protected = args.password || args.source.password_file.is_some();
    let password = protected.then(|| args.source.new_password(console)).transpose()?;
    let protection = password.as_ref().map_or(Protection::None, |text| Protection::Password(text.as_bytes()));
    let key = SecretKey::generate().map_err(KeygenError::Generate)?;
    let text = key.to_file(protection).map_err(KeygenError::Password)?;
    let public = key.public_key();
    create(&secret_file, 0o600, text.as_bytes())?;
    create(&public_file, 0o644, public.to_file().as_bytes()).inspect_err(|_| {
        // A secret key without its public half is useless. If it cannot be removed, the first error is the one to report.
        let _ = fs::remove_file(&secret_file);
    })?;
    if !protected {
        console.say(format_args!(
            "{} is not protected by a password: anyone who reads it can sign",
            secret_file.display()
        ));
    }
    let made = KeygenReport {
        key_id: key.id().to_string(),
        public_key: public.to_line(),
        secret_key_file: &secret_file,
        public_key_file: &public_file,
        protected,
    };
    let (secret, public) = (secret_file.display(), public_file.display());
    let text = format!("key {}\nsecret: {secret}\npublic: {public}\n{}\n", made.key_id, made.public_key);
    console.result(&made, text)
}

fn create(path: &Path, mode: u32, content: &[u8]) -> Result<(), KeygenError> {
    let path = || path.to_owned();
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path()) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(KeygenError::Exists { path: path() }),
        other => other.map_err(|source| KeygenError::Create { path: path(), source })?,
    };
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.map_err(|source| KeygenError::Write { path: path(), source })
}
