use std::fmt::Debug;
use std::io;

/// Asks a person for the next medium, when the part that is wanted is on none that is plugged in.
pub trait MediumPrompt: Debug + Send + Sync {
    /// Whether there is a person to ask.
    fn is_attended(&self) -> bool;

    /// Asks for the medium with the part called `name`, which was looked for in the folders `looked_in`. Returns `false` if the
    /// person does not have it.
    ///
    /// # Errors
    /// The person cannot be asked, or interrupted the operation instead of answering.
    fn insert(&self, name: &str, looked_in: &str) -> io::Result<bool>;
}

/// Never asks: a part that is in none of the folders is missing.
#[derive(Debug, Clone, Copy)]
pub struct Unattended;

impl MediumPrompt for Unattended {
    fn is_attended(&self) -> bool {
        false
    }

    fn insert(&self, _name: &str, _looked_in: &str) -> io::Result<bool> {
        Ok(false)
    }
}
