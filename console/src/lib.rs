//! The command-line conventions of the three Landfall programs, for people and for scripts.
//!
//! * [`Exit`]: the exit codes, one documented table.
//! * [`Failure`]: an error that a person can act on: what, where, what next.
//! * [`Classify`]: implemented by each program's error enum, so that every error has an exit code, a word and a hint.
//! * [`Console`]: results to standard output (text, or one JSON object), everything else to standard error.
//! * [`Progress`]: bytes done, rate and time left on a terminal, plain lines elsewhere.
//! * [`run()`]: parses the command line, runs the command and turns its outcome into an exit code.
//!
//! Where standard error leads to systemd's journal, each line says its priority (sd-daemon(3)).
//!
//! Standard output carries the result and nothing else, so that it can be piped; a closed pipe is not an error.

mod classify;
mod count;
mod escape;
mod exit;
mod failure;
mod journal;
mod line;
mod output;
mod progress;
mod run;
mod size;
mod storage_fault;

pub use classify::{Classify, ErrorClass, message_with_causes};
pub use count::Count;
pub use escape::OneLine;
pub use exit::Exit;
pub use failure::{Failure, FailureReport};
pub use line::line_of;
pub use output::{Console, Flags, ResultFormat};
pub use progress::Progress;
pub use run::{Extras, run};
pub use size::Size;
pub use storage_fault::StorageFault;
