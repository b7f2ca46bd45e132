//! The machine that builds: its processor, its programs, and the time that its environment gives.

use crate::program_pages::{self, ProgramPage};
use landfall_keys::{PublicKey, SecretKey};
use landfall_manifests::Arch;
use landfall_media::folder_of;
use std::io;
use std::path::PathBuf;

/// What the machine that builds contributes where the definition has no value.
#[derive(Debug)]
pub(crate) struct BuildHost {
    /// Its processor, if releases run on it.
    pub(crate) arch: Option<Arch>,
    /// `SOURCE_DATE_EPOCH` (reproducible-builds.org), seconds.
    pub(crate) source_date_epoch: Option<jiff::Timestamp>,
    /// The folder of the bundler's own program, in which the two programs to pack are looked for.
    pub(crate) programs: PathBuf,
    /// The manual pages and completions of those two.
    pub(crate) pages: Vec<ProgramPage>,
    /// Public keys of the secret keys that sign.
    pub(crate) keys: Vec<PublicKey>,
}

/// The machine or its environment cannot be used to build.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildHostError {
    #[error("SOURCE_DATE_EPOCH is {0:?}, which is not a number of seconds since 1970")]
    SourceDateEpoch(String),
    #[error("find the path of this program")]
    OwnPath(#[source] io::Error),
    #[error("read the manual pages and completions beside the programs")]
    ProgramPages(#[source] io::Error),
}

impl BuildHost {
    /// This machine, with the public halves of the `keys` that sign.
    pub(crate) fn detect(keys: &[SecretKey]) -> Result<Self, BuildHostError> {
        let programs = program_folder()?;
        let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().map(|text| {
            let parsed = text.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
            parsed.ok_or(BuildHostError::SourceDateEpoch(text))
        });
        Ok(Self {
            arch: Arch::of_this_program(),
            source_date_epoch: epoch.transpose()?,
            pages: program_pages::find(&programs).map_err(BuildHostError::ProgramPages)?,
            programs,
            keys: keys.iter().map(SecretKey::public_key).collect(),
        })
    }
}

/// The folder of this program, in which the other programs are looked for.
pub(crate) fn program_folder() -> Result<PathBuf, BuildHostError> {
    let own = std::env::current_exe().map_err(BuildHostError::OwnPath)?;
    Ok(folder_of(&own).to_owned())
}
