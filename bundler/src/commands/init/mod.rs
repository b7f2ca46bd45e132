mod key;
mod questions;

use crate::definition::{Definition, SCHEMA, SCHEMA_FILE, Variables};
use crate::error::Result;
use crate::key_files::PasswordArgs;
use crate::starter::{Starter, StarterError, StarterTenant};
use crate::whole_file;
use key::{KeyToSign, Signing};
use landfall_console::Console;
use landfall_manifests::{Arch, Os, Product, Version};
use questions::Questions;
use rustix::fs::{Access, access};
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Write a definition to begin with: four questions, and then the commands to type next
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What a flag answers is not asked for. Without a terminal, or with --yes, nothing is asked, and the rest has its default. The definition \
builds as it is: PRODUCT.toml, with comments that say what else there is. Beside it lies the JSON schema by which editors check and complete \
it (Taplo, Even Better TOML). A key pair PRODUCT.key is offered where no secret key is there. No file is ever overwritten.

Examples:
  landfall-bundler init
  landfall-bundler init site --product acme --image docker://registry.lan/team/node:1.0 --tenant node/express:3000
  landfall-bundler init --yes --keygen

Exit codes: 2 the definition exists, an answer is no answer, or the questions were broken off: nothing has been written, 6 the \
folder cannot be written to")]
pub(crate) struct Args {
    /// The folder of the definition; it is made if it does not exist
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The name of the product [default: that of the folder]
    #[arg(long, value_name = "NAME")]
    product: Option<Product>,
    /// The version of the first release [default: 1.0.0]
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    /// The first image: a source as in a definition, such as docker://REF, or the path of a folder or an archive [default: none]
    #[arg(long, value_name = "SOURCE")]
    image: Option<String>,
    /// Tenants run the image, and pick it by these words [default: they do not; the port is 3000]
    #[arg(long, value_name = "LANGUAGE[/FRAMEWORK][:PORT]", requires = "image")]
    tenant: Option<StarterTenant>,
    /// Make a key pair to sign with, unless the folder has a secret key
    #[arg(long)]
    keygen: bool,
    #[command(flatten)]
    password: PasswordArgs,
    /// Ask nothing, and take the defaults
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    definition: &'a Path,
    schema: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a KeyToSign>,
    /// The commands to type next.
    next: Vec<String>,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let folder = args.folder.as_path();
    // 1. Whoever answers questions is not told afterwards that it was for nothing.
    check_writable(folder)?;
    let questions = Questions::new(console, args.yes);
    let product = questions.product(args.product.clone(), folder)?;
    let definition = in_folder(folder, &Starter::file_name(&product));
    if definition.symlink_metadata().is_ok() {
        return Err(StarterError::Exists { path: definition }.into());
    }
    // 2. The answers, and what they make, as a build will read it.
    let version = questions.version(args.version.clone())?;
    let image = questions.image(args.image.as_deref(), folder)?;
    let tenant = if image.is_some() { questions.tenant(args.tenant.clone())? } else { None };
    let starter = Starter { product, version, image, tenant };
    let text = starter.text()?;
    Definition::parse(&text, &definition, &Variables::default()).map_err(StarterError::from)?;
    let signing = Signing::choose(args, &starter.product, &questions, console)?;
    // 3. The definition last: where it is, the rest is.
    let schema = in_folder(folder, SCHEMA_FILE);
    fs::create_dir_all(folder).map_err(|source| StarterError::Write { path: folder.to_owned(), source })?;
    write_schema(&schema)?;
    let key = signing.make()?;
    write(&definition, &text)?;
    let next = next(&starter, &definition, folder, key.as_ref());
    let report = Report { definition: &definition, schema: &schema, key: key.as_ref(), next };
    let text = describe(&report)?;
    console.result(&report, text)
}

/// A path in the folder, as people write it: without ./ before a name.
fn in_folder(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
}

/// Checks the folder, or the one that it will be made in.
fn check_writable(folder: &Path) -> Result<(), StarterError> {
    match access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        Err(error) if error != rustix::io::Errno::NOENT => {
            Err(StarterError::Write { path: folder.to_owned(), source: error.into() })
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), StarterError> {
    whole_file::create(path, text).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => StarterError::Exists { path: path.to_owned() },
        _ => StarterError::Write { path: path.to_owned(), source },
    })
}

/// One that is there stays: it may be newer, or somebody's own.
fn write_schema(path: &Path) -> Result<(), StarterError> {
    match write(path, SCHEMA) {
        Err(StarterError::Exists { .. }) => Ok(()),
        other => other,
    }
}

/// The commands that lead on from here.
fn next(starter: &Starter, definition: &Path, folder: &Path, key: Option<&KeyToSign>) -> Vec<String> {
    let Starter { product, version, .. } = starter;
    let name = in_folder(folder, &product.to_string());
    let made = KeyToSign::named(&name);
    let keygen = key.is_none().then(|| format!("keygen --out {}", shell_word(&name)));
    let key = key.unwrap_or(&made);
    let definition = shell_word(definition);
    let (os, arch) = (Os::Linux.name(), Arch::of_this_program().unwrap_or(Arch::Amd64).name());
    let bundle = format!("{product}-{version}-{os}-{arch}.landfall.tar");
    let (secret, public) = (shell_word(&key.secret_key_file), shell_word(&key.public_key_file));
    let commands = [
        format!("lint {definition}"),
        format!("build {definition} --key {secret}"),
        format!("media {bundle} /media/stick --trust {public}"),
    ];
    keygen.into_iter().chain(commands).map(|command| format!("landfall-bundler {command}")).collect()
}

/// A path as a word that a shell takes for it (POSIX.1-2017, Shell Command Language, 2.2).
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-./+,@%:=".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-') {
        return text;
    }
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn describe(report: &Report<'_>) -> Result<String, fmt::Error> {
    let mut text = format!("{}: written\n", report.definition.display());
    writeln!(text, "{}: its schema, for editors", report.schema.display())?;
    if let Some(key) = report.key {
        writeln!(text, "{}: {}", key.secret_key_file.display(), key.origin())?;
    }
    writeln!(text, "\nNext:")?;
    for command in &report.next {
        writeln!(text, "  {command}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_to_a_shell() {
        for (path, word) in [
            ("site/acme.toml", "site/acme.toml"),
            ("my site/acme.toml", "'my site/acme.toml'"),
            ("it's", "'it'\\''s'"),
            ("$(rm)", "'$(rm)'"),
            ("-rf", "'./-rf'"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
