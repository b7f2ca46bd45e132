use std::path::PathBuf;

/// Where the parts of a bundle may be.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PartsArgs {
    /// Look for the bundle's parts in this folder too; may be given several times
    #[arg(long = "parts", value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
}
