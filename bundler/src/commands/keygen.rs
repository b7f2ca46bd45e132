use crate::error::Result;
use crate::key_files::{self, KeyPairError, PasswordArgs};
use landfall_console::Console;
use landfall_keys::{Protection, SecretKey};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Make a key pair: NAME.key to sign with, NAME.pub to hand out
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The files have minisign's format: `minisign -V` verifies what the secret key signs. Keep NAME.key secret; give NAME.pub, or the \
line in it that begins with RW, to the operators.

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
    // Before the password is asked for, although writing would refuse as well.
    if let Some(there) = [&secret_file, &public_file].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(KeyPairError::Exists { path: there.clone() }.into());
    }
    let protected = args.password || args.source.password_file.is_some();
    let password = protected.then(|| args.source.new_password(console)).transpose()?;
    let protection = password.as_ref().map_or(Protection::None, |text| Protection::Password(text.as_bytes()));
    let key = SecretKey::generate().map_err(KeyPairError::Generate)?;
    let text = key.to_file(protection).map_err(KeyPairError::Password)?;
    let public = key.public_key();
    key_files::write_pair((&secret_file, &text), (&public_file, &public.to_file()))?;
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
