//! Samples of the errors of definitions to begin with.

use super::{at, io};
use crate::definition::{DefinitionError, ImageSourceSyntaxError};
use crate::error::Error;
use crate::starter::StarterError;

/// Errors of `init`.
pub(super) fn of_starter() -> Vec<Error> {
    let path = || at("acme.toml");
    vec![
        StarterError::Exists { path: path() }.into(),
        StarterError::Write { path: path(), source: io() }.into(),
        StarterError::NoAnswer.into(),
        StarterError::Answer(io()).into(),
        StarterError::Image(ImageSourceSyntaxError::Transport("dockr".to_owned())).into(),
        StarterError::Definition(DefinitionError::TooLarge { file: path(), limit: 1 }).into(),
    ]
}
