use crate::error::Result;
use crate::key_files::{KeyPairFiles, PasswordArgs};
use landfall_console::Console;
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
    let files = KeyPairFiles::named(&args.out)?;
    let protected = args.password || args.source.password_file.is_some();
    let password = protected.then(|| args.source.new_password(console)).transpose()?;
    let key = files.make(password.as_ref().map(|text| text.as_str()))?;
    if !protected {
        let secret = files.secret().display();
        console.say(format_args!("{secret} is not protected by a password: anyone who reads it can sign"));
    }
    let made = KeygenReport {
        key_id: key.id().to_string(),
        public_key: key.to_line(),
        secret_key_file: files.secret(),
        public_key_file: files.public(),
        protected,
    };
    let (secret, public) = (files.secret().display(), files.public().display());
    let text = format!("key {}\nsecret: {secret}\npublic: {public}\n{}\n", made.key_id, made.public_key);
    console.result(&made, text)
}
