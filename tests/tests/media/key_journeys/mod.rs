//! Who is trusted changes, and keys get lost or leak: every way out goes over a USB stick alone, with the commands that the
//! README tells. `--nocapture` prints them.

mod journeys;
mod machines;
