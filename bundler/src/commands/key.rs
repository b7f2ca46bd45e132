use crate::error::Result;
use crate::key_files::{KeyContent, KeyDescription};
use crate::trust::{KeyStanding, TrustFolder};
use landfall_console::Console;
use landfall_keys::KeyId;
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// Show what keys are: their ids, their public halves, and whether they may sign
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No password is asked for. The file of a secret key with a password hides its id, too: NAME.pub beside NAME.key tells it, without proof \
that the two belong together.

With --trust, the folder of trust roots says whether hosts count signatures by the key: the newest version has to list it.

Examples:
  landfall-bundler key acme.key
  landfall-bundler key *.pub --trust trust
  landfall-bundler key RWQf6LRC… --trust trust --json

Exit codes: 2 a file is no key, or cannot be read; or there is no trust root in the folder, 4 the folder holds roots that hosts would refuse")]
pub(crate) struct Args {
    /// A file of a secret or a public key, or a public key's line (RW…)
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<PathBuf>,
    /// The folder of the publisher's trust roots, as `trust` keeps them
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report<'a> {
    keys: Vec<ReportedKey<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportedKey<'a> {
    /// As it was named.
    name: &'a Path,
    kind: &'static str,
    /// None where it is under a password, and no public key lies beside it.
    key_id: Option<KeyId>,
    public_key: Option<String>,
    /// Where the id and the public key were found, if not in the key itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key_file: Option<&'a Path>,
    /// Whether a password protects it; none of a public key.
    #[serde(skip_serializing_if = "Option::is_none")]
    protected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<KeyStanding>,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let folder = args.trust.as_deref().map(TrustFolder::open).transpose()?;
    let described = args.keys.iter().map(|name| Ok((name.as_path(), KeyDescription::of(name)?)));
    let described = described.collect::<Result<Vec<_>>>()?;
    let keys: Vec<ReportedKey<'_>> =
        described.iter().map(|(name, key)| ReportedKey::of(name, key, folder.as_ref())).collect();
    for (name, key) in &described {
        warn_of_readers(name, key, console);
    }
    let text = keys.iter().map(|key| text(key, args.trust.is_some())).collect::<Result<String, _>>()?;
    console.result(&Report { keys }, text)
}

/// Warns of a secret key that others than its owner can read.
fn warn_of_readers(name: &Path, key: &KeyDescription, console: Console) {
    let is_secret = !matches!(key.content, KeyContent::Public(_));
    if let Some(mode) = key.mode.filter(|mode| is_secret && mode & 0o077 != 0) {
        let name = name.display();
        console.warn(format_args!("{name} has the mode {mode:04o}: take it from others with `chmod 600 {name}`"));
    }
}

impl<'a> ReportedKey<'a> {
    fn of(name: &'a Path, key: &'a KeyDescription, folder: Option<&TrustFolder>) -> Self {
        let public = key.content.public_key();
        let (kind, protected) = match key.content {
            KeyContent::Public(_) => ("public", None),
            KeyContent::Secret(_) => ("secret", Some(false)),
            KeyContent::Protected(_) => ("secret", Some(true)),
        };
        let public_key_file = match &key.content {
            KeyContent::Protected(Some((_, path))) => Some(path.as_path()),
            _ => None,
        };
        Self {
            name,
            kind,
            key_id: public.map(landfall_keys::PublicKey::id),
            public_key: public.map(landfall_keys::PublicKey::to_line),
            public_key_file,
            protected,
            mode: key.mode.map(|mode| format!("{mode:04o}")),
            trust: folder.zip(public).map(|(folder, key)| KeyStanding::of(folder.chain(), key)),
        }
    }
}

fn text(key: &ReportedKey<'_>, asks_for_trust: bool) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let id = key.key_id.map_or_else(|| "of an unknown id".to_owned(), |id| id.to_string());
    let protection = match key.protected {
        None => "",
        Some(false) => ", without a password",
        Some(true) => ", with a password",
    };
    writeln!(text, "{}: {} key {id}{protection}", key.name.display(), key.kind)?;
    match (&key.public_key, key.public_key_file) {
        (Some(line), Some(file)) => writeln!(text, "  public   {line} (by {})", file.display())?,
        (Some(line), None) => writeln!(text, "  public   {line}")?,
        (None, _) => writeln!(text, "  public   unknown: its file, which ends in .pub, is not beside it")?,
    }
    if let (Some(mode), Some(_)) = (&key.mode, key.protected) {
        writeln!(text, "  mode     {mode}")?;
    }
    match &key.trust {
        Some(standing) => writeln!(text, "  trust    {standing}")?,
        None if asks_for_trust => writeln!(text, "  trust    unknown, as its public key is")?,
        None => {}
    }
    Ok(text)
}
