use crate::errors::media_error::{MediaError, media_error};
use landfall_keys::TrustError::{BadSignature, NotTrusted, TooManySignatures};
use landfall_manifests::ReadError;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// A bundle cannot be opened, is damaged, or is refused.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Its files are not what they have to be.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// What is written in them is damaged or refused.
    #[error("{place}")]
    Read {
        /// Where: the file and the offset in it, and what of the release needs the blob there.
        place: String,
        /// What is wrong.
        source: ReadError,
    },
    /// A blob is not what the manifest says.
    #[error("{place}: the content is damaged")]
    Blob {
        /// Where: the file and the offset in it, and what of the release needs the blob.
        place: String,
    },
    /// It is damaged in two or more places.
    #[error(transparent)]
    Several(DamageReport),
}

impl BundleError {
    /// The error of a whole file, which is not cut into parts.
    pub(crate) fn in_file(path: &Path, source: ReadError) -> Self {
        let offset = source.range().map(|range| format!(", offset {}", range.start)).unwrap_or_default();
        Self::Read { place: format!("{}{offset}", path.display()), source }
    }

    /// What is wrong in the one place that this is about, if it is about one.
    pub fn read_error(&self) -> Option<&ReadError> {
        match self {
            Self::Media(_) | Self::Blob { .. } | Self::Several(_) => None,
            Self::Read { source, .. } => Some(source),
        }
    }
}

/// Whether the bundle's own manifest or signatures were damaged on their way here, rather than signed by a stranger.
pub fn is_head_damaged(error: &ReadError) -> bool {
    match error {
        // No bundle is made without a signature, so the header of the first one was changed.
        ReadError::Untrusted(NotTrusted { signed_by, .. }) => signed_by.is_empty(),
        ReadError::Untrusted(why) => matches!(why, BadSignature { .. } | TooManySignatures { .. }),
        ReadError::Source { source, .. } => !matches!(media_error(source), Some(MediaError::Prompt { .. })),
        ReadError::Patch { .. } | ReadError::Sink { .. } => false,
        _ => true,
    }
}

/// A bundle is damaged in two or more places.
#[derive(Debug)]
pub struct DamageReport {
    pub(crate) bundle: PathBuf,
    /// The first of them, in the bundle's order.
    pub(crate) places: Vec<BundleError>,
    /// How many there are.
    pub(crate) count: usize,
}

impl DamageReport {
    /// The first damaged place.
    pub fn first(&self) -> Option<&BundleError> {
        self.places.first()
    }
}

impl Error for DamageReport {}

impl fmt::Display for DamageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged in {} places:", self.bundle.display(), self.count)?;
        for place in &self.places {
            write!(f, "\n- {place}")?;
            let mut cause = place.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        match self.count - self.places.len() {
            0 => Ok(()),
            more => write!(f, "\n- and in {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_report_counts_all_places_and_lists_the_first_ones() {
        let place = |number| BundleError::Read {
            place: format!("a.tar, offset {number}"),
            source: ReadError::of(io::Error::other("EIO"), "blobs/x", number),
        };
        let report = DamageReport { bundle: "a.tar".into(), places: vec![place(1), place(2)], count: 5 };
        assert_eq!(
            report.to_string(),
            "a.tar is damaged in 5 places:\n\
             - a.tar, offset 1: the bundle cannot be read there: EIO\n\
             - a.tar, offset 2: the bundle cannot be read there: EIO\n\
             - and in 3 more"
        );
    }
}
