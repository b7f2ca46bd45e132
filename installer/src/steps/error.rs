//! Why a step failed, and what became of the transition.

use crate::content::ContentError;
use crate::database::DatabaseError;
use crate::durable::PathError;
use crate::engine::{ArchiveError, EngineError};
use crate::interrupt::{Interrupted, is_interrupted};
use crate::lock::LockError;
use crate::media::{BundleError, MediaError};
use crate::packages::DpkgError;
use crate::plan::preflight::Problem;
use crate::receipts::IssueError;
use crate::record::RecordError;
use crate::recovery_binary::RecoveryError;
use crate::removal::RemovalError;
use crate::retained_release::RetainedError;
use crate::retained_release::unfold::UnfoldError;
use crate::service::units::UnitsError;
use crate::settings::SettingsFileError;
use crate::state::StateError;
use crate::state::journal::StepName;
use crate::trust::TrustError;
use landfall_console::message_with_causes;
use landfall_manifests::{Content, Digest, ReadError, Release, ReleaseId};
use landfall_systemd::{UnitManager, UnitName};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How many lines of the log are shown of a service that does not become healthy.
const LOG_LINES: u16 = 20;

/// A step, or the undo of one, failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// A signal asked for the end of the operation.
    #[error("interrupted by a signal: the host is as it was before")]
    Interrupted(Interrupted),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Systemd(#[from] landfall_systemd::Error),
    /// The bundle is damaged, or cannot be read.
    #[error(transparent)]
    Bundle(BundleError),
    /// A content was not made from what the host has: the fault is the bundle's, or the disk's.
    #[error("make {what} (blob {blob}) from what is here")]
    Make {
        what: String,
        blob: Digest,
        #[source]
        source: Box<ContentError>,
    },
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine's packages were not installed, or not taken away.
    #[error("install the packages of the engine")]
    Dpkg(#[from] DpkgError),
    /// A package's file did not come out of the store.
    #[error("unpack the package {name} to {}", to.display())]
    Package {
        name: String,
        to: PathBuf,
        #[source]
        source: Box<ContentError>,
    },
    /// The packages are installed, and their engine does not answer.
    #[error("the engine that was installed does not answer within {} s", waited.as_secs())]
    NoAnswer {
        waited: Duration,
        #[source]
        source: Box<EngineError>,
    },
    /// The packages are installed, and their engine is none for tenants.
    #[error("the engine that was installed is not fit:{}", listed(.0))]
    EngineUnfit(Vec<Problem>),
    /// An image was not loaded: the fault is the bundle's, the disk's or the engine's.
    #[error("load image {image}")]
    Load {
        image: String,
        #[source]
        source: ImageError,
    },
    /// What the engine made of an image is not that image.
    #[error("image {image}: {reason}")]
    EngineImage { image: String, reason: String },
    #[error(transparent)]
    Retained(RetainedError),
    #[error(transparent)]
    Unfold(UnfoldError),
    #[error(transparent)]
    Settings(#[from] SettingsFileError),
    /// The trust root is not what was decided upon, or cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("get random bytes for the administrator's token")]
    Token(#[source] getrandom::Error),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Units(#[from] UnitsError),
    #[error(transparent)]
    Removal(#[from] RemovalError),
    #[error(transparent)]
    Receipt(#[from] IssueError),
    /// The recovery program on the host could not settle what is about to be done.
    #[error("if this were interrupted, it could not be recovered from")]
    HostCannotRecover(#[source] RecoveryError),
    /// The release that is tried could not settle what is being done.
    #[error("the release cannot recover this host")]
    ReleaseCannotRecover(#[source] RecoveryError),
    #[error(transparent)]
    Unhealthy(#[from] UnhealthyError),
    /// The undo of a step failed.
    #[error("undo {step:?}")]
    Undo { step: StepName, source: Box<StepError> },
    /// All was undone, and the journal or the state folder stays.
    #[error("end the journal")]
    EndJournal(#[source] PathError),
    #[error("remove the state folder")]
    RemoveState(#[source] LockError),
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |list, problem| list + "\n- " + &problem.to_string())
}

/// An image was not loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// The engine did not take it.
    #[error(transparent)]
    Engine(EngineError),
    /// Its configuration cannot be read from the store.
    #[error(transparent)]
    Path(#[from] PathError),
    /// One of its layers did not arrive.
    #[error("{layer}")]
    Layer {
        /// The layer and its blob.
        layer: String,
        #[source]
        source: ContentError,
    },
    /// The archive was not written to its end.
    #[error(transparent)]
    Archive(ContentError),
}

/// A service did not start, or did not become healthy.
#[derive(Debug)]
pub(crate) struct UnhealthyError {
    pub(crate) unit: UnitName,
    pub(crate) reason: String,
    /// The last lines of its log.
    pub(crate) log: Vec<String>,
}

impl UnhealthyError {
    /// `reason` with the end of the unit's log.
    pub(super) fn new(units: &dyn UnitManager, unit: UnitName, reason: String) -> Self {
        // A log that cannot be read must not hide the reason.
        let log = units.log(&unit, LOG_LINES).unwrap_or_default();
        Self { unit, reason, log }
    }
}

impl std::error::Error for UnhealthyError {}

impl fmt::Display for UnhealthyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} did not become healthy: {}", self.unit, self.reason)?;
        self.log.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl StepError {
    /// The content of `release` was not made.
    pub(super) fn made(release: &Release, content: &Content, source: ContentError) -> Self {
        match source {
            ContentError::Interrupted(interrupted) => interrupted.into(),
            source => {
                let what = release.users_of(&content.blob).into_iter().next().unwrap_or_default();
                Self::Make { what, blob: content.blob, source: source.into() }
            }
        }
    }

    /// Whether the same command can go on where this error stopped it, so that what was staged is worth keeping.
    pub(super) fn is_resumable(&self) -> bool {
        match self {
            Self::Interrupted(_) => true,
            Self::Bundle(error) => matches!(error.read_error(), Some(ReadError::Source { .. })),
            _ => false,
        }
    }
}

impl From<Interrupted> for StepError {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

/// An interruption while the bundle was read or copied comes out of there as an error of reading or of writing.
impl From<BundleError> for StepError {
    fn from(error: BundleError) -> Self {
        let cause: Option<&io::Error> = match &error {
            BundleError::Media(MediaError::Prompt { source, .. }) => Some(source),
            BundleError::Read { source: ReadError::Source { source, .. } | ReadError::Sink { source, .. }, .. } => {
                Some(source)
            }
            _ => None,
        };
        if cause.is_some_and(|cause| is_interrupted(cause)) { Interrupted.into() } else { Self::Bundle(error) }
    }
}

impl From<UnfoldError> for StepError {
    fn from(error: UnfoldError) -> Self {
        match error {
            UnfoldError::File { source, .. } if matches!(*source, ContentError::Interrupted(_)) => Interrupted.into(),
            other => Self::Unfold(other),
        }
    }
}

impl From<RetainedError> for StepError {
    fn from(error: RetainedError) -> Self {
        match error {
            RetainedError::Unfold(error) => error.into(),
            other => Self::Retained(other),
        }
    }
}

impl From<EngineError> for ImageError {
    fn from(error: EngineError) -> Self {
        let error = match error {
            EngineError::Archive(error) => error,
            other => return Self::Engine(other),
        };
        // What went wrong in the archive travelled through the engine's client inside an `io::Error`.
        match error.downcast::<ArchiveError>() {
            Ok(archive) => Self::Layer { layer: archive.to_string(), source: archive.source.into() },
            Err(error) => Self::Archive(error.into()),
        }
    }
}

impl ImageError {
    /// The error of the step that loads `image`.
    pub(super) fn of_image(self, image: impl fmt::Display) -> StepError {
        match self {
            Self::Layer { source: ContentError::Interrupted(interrupted), .. }
            | Self::Archive(ContentError::Interrupted(interrupted)) => interrupted.into(),
            source => StepError::Load { image: image.to_string(), source },
        }
    }
}

/// A transition did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransitionError {
    /// Signals cannot be listened for: nothing was begun.
    #[error("listen for signals")]
    Listen(#[source] io::Error),
    /// The first journal was not written.
    #[error(transparent)]
    Begin(#[from] StateError),
    /// Everything was undone, and nothing that ran was touched.
    #[error(transparent)]
    Undone(StepError),
    /// The release did not pass, and the one from before runs.
    #[error("{}\n{}", message_with_causes(.cause.as_ref()), .outcome)]
    Reverted { cause: Box<StepError>, outcome: RevertOutcome },
    /// A step failed, and so did undoing it: the journal is there for `recover`.
    #[error("{cause}; undoing that failed as well: {undo}")]
    Unsettled { cause: String, undo: String },
    /// The release is committed; what remains is for `recover` to finish.
    #[error("the release is in place, but recording it failed")]
    Unrecorded(#[source] StepError),
}

impl TransitionError {
    /// `cause` stopped the transition, and `undo` stopped its undo.
    pub(super) fn unsettled(cause: &StepError, undo: &dyn std::error::Error) -> Self {
        Self::Unsettled { cause: message_with_causes(cause), undo: message_with_causes(undo) }
    }
}

/// How the release from before runs after a reverted transition.
#[derive(Debug)]
pub(crate) enum RevertOutcome {
    /// It was never stopped.
    Untouched(ReleaseId),
    /// It was stopped for a while, and is healthy again.
    RunsAgain(ReleaseId),
    /// It was stopped for a while, and is not healthy.
    Unhealthy(ReleaseId, String),
}

impl fmt::Display for RevertOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untouched(id) => write!(f, "This host still runs {id}, which was not touched"),
            Self::RunsAgain(id) => write!(f, "This host runs {id} again, as before"),
            Self::Unhealthy(id, reason) => write!(f, "This host is back at {id}, which is not healthy: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::DecodeError;
    use landfall_manifests::Digest;

    #[test]
    fn a_wrong_layer_is_named_also_through_the_engine() {
        let inner = io::Error::from(DecodeError::Digest { expected: Digest::of(b""), found: Digest::of(b"x") });
        let error = ImageError::from(EngineError::Archive(inner)).of_image("a");
        assert!(
            matches!(error, StepError::Load { source: ImageError::Archive(ContentError::Decode(_)), .. }),
            "{error}"
        );
        assert!(
            message_with_causes(&error).starts_with("load image a: decompresses to content with the digest sha256:")
        );
    }

    #[test]
    fn an_interruption_is_one_however_deep_it_comes_from() {
        let io = || io::Error::from(Interrupted);
        let place = || "a.tar, offset 1".to_owned();
        let prompt = || MediaError::Prompt { name: "a.part002".to_owned(), source: io() };
        let errors: [StepError; 5] = [
            ImageError::from(EngineError::Archive(io())).of_image("a"),
            BundleError::Read { place: place(), source: ReadError::of(io(), "blobs/x", 1) }.into(),
            BundleError::Read { place: place(), source: ReadError::Sink { entry: "x".to_owned(), source: io() } }
                .into(),
            BundleError::Read { place: place(), source: ReadError::of(prompt().into(), "blobs/x", 1) }.into(),
            BundleError::Media(prompt()).into(),
        ];
        for error in errors {
            assert!(matches!(error, StepError::Interrupted(_)) && error.is_resumable(), "{error}");
        }
    }

    #[test]
    fn a_failed_undo_is_named_after_what_failed_first() {
        let unsettled = TransitionError::unsettled(&Interrupted.into(), &io::Error::other("no engine"));
        assert!(unsettled.to_string().ends_with("undoing that failed as well: no engine"), "{unsettled}");
    }
}
