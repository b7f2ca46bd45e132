use crate::{Exit, Failure};
use std::error::Error;

/// What an error means to the caller of the program: one row of the program's table of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorClass {
    /// The exit code.
    pub exit: Exit,
    /// The stable word for scripts, in `snake_case`: `--json` prints it as `error.code`.
    pub code: &'static str,
    /// What to do next, where there is something to do.
    pub hint: Option<&'static str>,
}

impl ErrorClass {
    /// An unforeseen error: exit code 1, `unexpected`, without a hint.
    pub const UNEXPECTED: Self = Self::without_hint(Exit::Unexpected, "unexpected");

    /// The class with this exit code, word and hint.
    pub const fn new(exit: Exit, code: &'static str, hint: &'static str) -> Self {
        Self { exit, code, hint: Some(hint) }
    }

    /// The class of an error whose message already tells what to do.
    pub const fn without_hint(exit: Exit, code: &'static str) -> Self {
        Self { exit, code, hint: None }
    }
}

/// An error that knows its class.
///
/// A program implements this once, on the enum of all its errors, by a `match` without a wildcard: a new kind of error then does
/// not compile until somebody decides what it means to the caller.
pub trait Classify: Error {
    /// The error's class.
    fn class(&self) -> ErrorClass;
}

/// The message is the error's and those of all its causes: `cannot write a.tar: no space left on device`.
impl<E: Classify> From<E> for Failure {
    fn from(error: E) -> Self {
        let ErrorClass { exit, code, hint } = error.class();
        let failure = Self::new(exit, code, message_with_causes(&error));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// An error's message and those of its causes, outermost first: `cannot write a.tar: no space left on device`. A cause that the
/// message before it ends with already, since that quotes it, is not repeated.
pub fn message_with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.map(ToString::to_string).fold(error.to_string(), |message, cause| {
        if message == cause || message.ends_with(&format!(": {cause}")) {
            message
        } else {
            format!("{message}: {cause}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    enum ProgramError {
        #[error("a.tar cannot be written")]
        Write(#[source] io::Error),
        #[error("cannot happen")]
        Bug,
    }

    impl Classify for ProgramError {
        fn class(&self) -> ErrorClass {
            match self {
                Self::Write(_) => ErrorClass::new(Exit::Unfit, "cannot_write", "write to another folder"),
                Self::Bug => ErrorClass::UNEXPECTED,
            }
        }
    }

    #[test]
    fn no_message_repeats_its_cause() {
        #[derive(Debug, thiserror::Error)]
        enum Quoting {
            #[error("a.tar cannot be read: {0}")]
            Its(#[source] io::Error),
            #[error("{0}")]
            All(#[source] Box<Quoting>),
        }
        let quoting = Quoting::All(Box::new(Quoting::Its(io::Error::other("device is gone"))));
        assert_eq!(message_with_causes(&quoting), "a.tar cannot be read: device is gone");
    }

    #[test]
    fn a_failure_has_the_class_of_its_error_and_the_messages_of_all_causes() {
        let write = ProgramError::Write(io::Error::other("device is gone"));
        let expected = Failure::new(Exit::Unfit, "cannot_write", "a.tar cannot be written: device is gone");
        assert_eq!(Failure::from(write), expected.hint("write to another folder"));
        assert_eq!(Failure::from(ProgramError::Bug), Failure::new(Exit::Unexpected, "unexpected", "cannot happen"));
    }
}
