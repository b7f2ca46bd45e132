use landfall_host::subprocess::SubprocessError;

/// The package manager did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DpkgError {
    #[error(transparent)]
    Program(#[from] SubprocessError),
    /// Its own words say why.
    #[error("{what} failed with the exit code {code}:\n{words}")]
    Failed { what: &'static str, code: i32, words: String },
    /// What it says of itself does not parse.
    #[error("dpkg-query says what is no list of packages")]
    Answer,
    /// Something else on this host needs them.
    #[error("these packages cannot be removed: {}", .0.join(", "))]
    Left(Vec<String>),
}
