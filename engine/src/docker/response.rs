//! What an error of the client library means.

use crate::error::{Cause, EngineError};
use bollard::errors::Error;
use std::io;

/// An error by its kind of failure.
pub(super) fn classified(operation: &str, error: Error) -> EngineError {
    let operation = operation.to_owned();
    match error {
        Error::DockerResponseServerError { status_code: 404, message } => EngineError::NotFound { operation, message },
        Error::DockerResponseServerError { status_code: 409, message } => EngineError::Conflict { operation, message },
        Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message } => {
            EngineError::Failed { operation, message }
        }
        Error::JsonDataError { message, .. } => EngineError::InvalidAnswer { operation, source: message.into() },
        // Taken for a failure of the connection and not of the request: the next one connects anew.
        other => EngineError::NoAnswer { operation, source: cause(other) },
    }
}

/// `None` where the object does not exist.
pub(super) fn found<T>(answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match answer {
        Err(EngineError::NotFound { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// The innermost cause: the layers of the HTTP client around it tell an operator nothing. An error of the operating system
/// keeps its number.
pub(super) fn cause(error: Error) -> Cause {
    match error {
        Error::RequestTimeoutError => "it did not answer in time".into(),
        Error::SocketNotFoundError(_) => "the socket does not exist".into(),
        Error::IOError { err } => err.into(),
        other => innermost(&other),
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> Cause {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
        Some(number) => io::Error::from_raw_os_error(number).into(),
        None => cause.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_a_caller_handles_differently_have_errors_of_their_own() {
        let answer = |status_code| Error::DockerResponseServerError { status_code, message: "m".into() };
        let kind = |error| classified("x", error);
        assert!(matches!(kind(answer(404)), EngineError::NotFound { .. }));
        assert!(matches!(kind(answer(409)), EngineError::Conflict { .. }));
        assert!(matches!(kind(answer(500)), EngineError::Failed { .. }));
        assert!(kind(Error::RequestTimeoutError).is_unavailable());
    }

    #[test]
    fn an_error_of_the_operating_system_keeps_its_number() {
        let refused = io::Error::from_raw_os_error(111);
        let found = cause(Error::IOError { err: refused });
        assert_eq!(found.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error), Some(111));
    }
}
