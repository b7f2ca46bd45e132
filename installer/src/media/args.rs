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
