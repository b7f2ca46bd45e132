use super::prompt::TerminalPrompt;
use super::{Media, MediaError};
use landfall_console::Console;
use landfall_media::BundleLocation;
use std::path::PathBuf;

/// Where a bundle is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MediaArgs {
    /// The bundle; where it is cut into parts, any of them, or its name without .partNNN
    pub(crate) file: PathBuf,
    /// One more folder in which its parts may be; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) parts: Vec<PathBuf>,
    /// A patch bundle: what it holds is not read from the bundle, which may be damaged there
    #[arg(long, value_name = "FILE")]
    pub(crate) patch: Option<PathBuf>,
}

impl MediaArgs {
    /// Opens the bundle. Where a part is missing, the person at the terminal is asked for it.
    pub(crate) fn open(&self, console: Console) -> Result<Media, MediaError> {
        let Self { file, parts, patch } = self.clone();
        Media::open(&BundleLocation { file, folders: parts, patch }, Box::new(TerminalPrompt(console)))
    }
}
