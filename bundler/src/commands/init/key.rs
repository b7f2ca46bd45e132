use super::questions::Questions;
use super::{Args, in_folder};
use crate::error::Result;
use crate::key_files::{KeyContent, KeyDescription, KeyPairError, KeyPairFiles};
use landfall_console::Console;
use landfall_keys::KeyId;
use landfall_manifests::Product;
use serde::Serialize;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The key that the next commands name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyToSign {
    pub(super) secret_key_file: PathBuf,
    pub(super) public_key_file: PathBuf,
    /// Of one that was made; one that was there may hide it under its password.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<MadeKey>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeKey {
    key_id: KeyId,
    public_key: String,
    protected: bool,
}

impl KeyToSign {
    /// One by its name, which `keygen` adds the endings to.
    pub(super) fn named(name: &Path) -> Self {
        let with = |ending: &str| PathBuf::from(format!("{}{ending}", name.display()));
        Self { secret_key_file: with(".key"), public_key_file: with(".pub"), made: None }
    }

    /// Where it comes from, for a person.
    pub(super) fn origin(&self) -> String {
        match &self.made {
            None => "the key that was there".to_owned(),
            Some(MadeKey { key_id, protected: true, .. }) => format!("a new key, {key_id}, with a password"),
            Some(MadeKey { key_id, .. }) => {
                format!("a new key, {key_id}, without a password: anyone who reads it can sign")
            }
        }
    }
}

/// What is done about a key.
pub(super) enum Signing {
    /// The folder has one.
    There(KeyToSign),
    Make(KeyPairFiles, Option<Zeroizing<String>>),
    /// None is wanted now.
    Later,
}

impl Signing {
    /// Looks for a secret key in the folder, and offers to make one where there is none.
    pub(super) fn choose(args: &Args, product: &Product, questions: &Questions, console: Console) -> Result<Self> {
        if let Some(there) = secret_key_in(&args.folder, product) {
            return Ok(Self::There(there));
        }
        let files = match KeyPairFiles::named(&in_folder(&args.folder, &product.to_string())) {
            // Half a pair, or something else of that name, is not for this command to judge.
            Err(KeyPairError::Exists { .. }) if !args.keygen => return Ok(Self::Later),
            files => files?,
        };
        let (secret, public) = (files.secret().display(), files.public().display());
        let wanted =
            args.keygen || questions.agrees(&format!("Make a key pair to sign with, {secret} and {public}?"), true)?;
        if !wanted {
            return Ok(Self::Later);
        }
        let is_protected =
            args.password.password_file.is_some() || questions.agrees("Protect it by a password?", false)?;
        let password = is_protected.then(|| args.password.new_password(console)).transpose()?;
        Ok(Self::Make(files, password))
    }

    /// The key, which is made now if it has to be.
    pub(super) fn make(self) -> Result<Option<KeyToSign>> {
        match self {
            Self::There(key) => Ok(Some(key)),
            Self::Later => Ok(None),
            Self::Make(files, password) => {
                let key = files.make(password.as_ref().map(|text| text.as_str()))?;
                let made = MadeKey { key_id: key.id(), public_key: key.to_line(), protected: password.is_some() };
                let (secret_key_file, public_key_file) = (files.secret().to_owned(), files.public().to_owned());
                Ok(Some(KeyToSign { secret_key_file, public_key_file, made: Some(made) }))
            }
        }
    }
}

/// The product's secret key in a folder, or else the first by name.
fn secret_key_in(folder: &Path, product: &Product) -> Option<KeyToSign> {
    let entries = std::fs::read_dir(folder).ok()?;
    let is_key = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "key");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut paths: Vec<PathBuf> = names.map(|name| in_folder(folder, &name)).filter(is_key).collect();
    let own = format!("{product}.key");
    paths.sort_by_key(|path| (path.file_name().is_none_or(|name| *name != *own), path.clone()));
    let is_secret =
        |path: &PathBuf| KeyDescription::of(path).is_ok_and(|key| !matches!(key.content, KeyContent::Public(_)));
    let secret_key_file = paths.into_iter().find(is_secret)?;
    Some(KeyToSign { public_key_file: secret_key_file.with_extension("pub"), secret_key_file, made: None })
}
