//! The errors of this program, and what they mean to its caller.
//!
//! Each module has an enum of its own errors, which carry their causes. [`Error`] holds one variant for each module that commands call.
//! [`class`] gives each variant its exit code, its word for scripts and its hint, by matches without a wildcard: a new kind of error
//! does not compile until somebody decides what it means.

mod class;
#[cfg(test)]
mod tests;

use crate::durable::PathError;
use crate::engine::EngineError;
use crate::lock::LockError;
use crate::plan::policy::Refusal;
use crate::record::RecordError;
use crate::removal::UninstallError;
use crate::state::StateError;
use crate::steps::{StepError, TransitionError};
use crate::transition::PlanError;
use crate::trust::{PinError, RootFilesError, TrustError};
use landfall_console::Failure;
use landfall_host::layout::RootFolderError;
use std::io;

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Host(#[from] RootFolderError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Systemd(#[from] landfall_systemd::Error),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    RootFiles(#[from] RootFilesError),
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A trust root is pinned, and its journal is there for `recover`.
    #[error("the trust root is pinned, but recording that failed")]
    ImportUnrecorded(#[source] PathError),
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// Nothing was begun.
    #[error(transparent)]
    Plan(PlanError),
    /// The release that runs cannot stay up, and the one before it cannot replace it.
    #[error("the release ended again and again, and the one before it cannot take its place")]
    NoReplacement(#[source] PlanError),
    /// A transition was begun and did not come to its end.
    #[error(transparent)]
    Transition(Box<TransitionError>),
    /// An interrupted transition cannot be settled.
    #[error(transparent)]
    Recovery(#[from] StepError),
    #[error(transparent)]
    Uninstall(#[from] UninstallError),
    /// A command decided on the spot what its failure means: the hint or the details are made of values.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The result cannot be written to standard output, or a question not be asked.
    #[error(transparent)]
    Output(#[from] io::Error),
}

impl Error {
    /// What the program prints and exits with.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            other => other.into(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<TransitionError> for Error {
    fn from(error: TransitionError) -> Self {
        Self::Transition(error.into())
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::OtherRoot(failure) | PlanError::NoRoot(failure) => Self::Failure(failure),
            other => Self::Plan(other),
        }
    }
}
