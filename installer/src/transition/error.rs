//! Why nothing was begun.

use crate::durable::PathError;
use crate::media::{BundleError, MediaError};
use crate::mirror::MirrorError;
use crate::plan::policy::Refusal;
use crate::plan::preflight::Problem;
use crate::record::RecordError;
use crate::retained_release::RetainedError;
use crate::retained_release::unfold::UnfoldError;
use crate::settings::{SettingsError, SettingsFileError};
use crate::trust::{FirstUseError, TrustError};
use landfall_console::Failure;
use landfall_host::layout::RootFolderError;
use std::io;
use std::path::PathBuf;

/// A transition cannot be decided, or must not begin. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error(transparent)]
    Host(#[from] RootFolderError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The bundle cannot be opened, is damaged, or is signed by nobody who is trusted.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Nothing can be taken from a mirror.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    FirstUse(#[from] FirstUseError),
    /// `--trust` contradicts the pinned root; the hint names the root's digest.
    #[error(transparent)]
    OtherRoot(Failure),
    /// The bundle brings a root, and what was given does not suffice for it; the hint names the root's digest.
    #[error(transparent)]
    NoRoot(Failure),
    /// The host's records do not allow the release.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The release that is to run again is not what it was.
    #[error(transparent)]
    Retained(#[from] RetainedError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    SettingsFile(#[from] SettingsFileError),
    /// The release's own settings do not come out of their blob.
    #[error(transparent)]
    DefaultsContent(#[from] UnfoldError),
    /// The release's own settings are of no use: it was made wrong.
    #[error("the release's config.toml cannot be used: {0}")]
    Defaults(String),
    /// `--set` and `--answers` are for a first installation.
    #[error("{} is there from before, and --set and --answers would change it", .0.display())]
    SettingsExist(PathBuf),
    /// The file of answers cannot be read.
    #[error("{0}")]
    Answers(String),
    /// The id that an uninstallation left cannot be read.
    #[error(transparent)]
    LeftId(RecordError),
    #[error("get random bytes for the installation's id")]
    Random(#[source] io::Error),
    /// The engine that the release needs does not answer.
    #[error("{0}")]
    NoEngine(String),
    /// The host lacks something.
    #[error("this host is not fit:{}", listed(.0))]
    Unfit(Vec<Problem>),
    /// The person who was asked did not confirm.
    #[error("nothing was changed: it was not confirmed")]
    Declined,
    /// The person cannot be asked.
    #[error(transparent)]
    Ask(#[from] io::Error),
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |list, problem| list + "\n- " + &problem.to_string())
}

impl From<Refusal> for PlanError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<MediaError> for PlanError {
    fn from(error: MediaError) -> Self {
        Self::Bundle(error.into())
    }
}
