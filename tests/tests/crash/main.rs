//! Old or new, never in between: an operation is cut off, or fails, at each system call by which it changes the file system;
//! what is left must be exactly what was or exactly what was to be, and the same command must succeed.
//!
//! `operation` is the table of what is done to a host; a [`prepared::Prepared`] is one of its rows made ready and walked through;
//! `killed`, `failed` and `full` say what happens on the way, and what must hold then.

mod database;
mod disk;
mod exit;
mod failed;
mod fixtures;
mod full;
mod host_state;
mod killed;
mod operation;
mod patched;
mod prepared;
mod resumed;
mod sample;
