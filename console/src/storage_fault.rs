use std::error::Error;
use std::io;

/// What is wrong with the place that a program writes to, whatever it was writing.
///
/// Every operation on files can fail for these reasons, so they are looked for among the causes of an error instead of being a
/// variant of every error type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFault {
    /// No space is left, or a quota is used up (ENOSPC, EDQUOT).
    Full,
    /// The file system does not hold files of that size (EFBIG).
    FileTooLarge,
    /// The file system is mounted read-only (EROFS).
    ReadOnly,
    /// The user may not do that there (EACCES, EPERM).
    NotPermitted,
}

impl StorageFault {
    /// The fault that the first [`io::Error`] among `error` and its causes tells of, if it tells of one.
    pub fn among(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
        causes.find_map(|cause| cause.downcast_ref::<io::Error>()).and_then(Self::of)
    }

    /// The fault that `error` tells of, if it tells of one.
    pub fn of(error: &io::Error) -> Option<Self> {
        use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded => Some(Self::Full),
            FileTooLarge => Some(Self::FileTooLarge),
            ReadOnlyFilesystem => Some(Self::ReadOnly),
            PermissionDenied => Some(Self::NotPermitted),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("a.tar cannot be written")]
    struct WriteError(#[source] io::Error);

    #[test]
    fn finds_the_fault_among_the_causes() {
        for (kind, expected) in [
            (io::ErrorKind::StorageFull, Some(StorageFault::Full)),
            (io::ErrorKind::QuotaExceeded, Some(StorageFault::Full)),
            (io::ErrorKind::FileTooLarge, Some(StorageFault::FileTooLarge)),
            (io::ErrorKind::ReadOnlyFilesystem, Some(StorageFault::ReadOnly)),
            (io::ErrorKind::PermissionDenied, Some(StorageFault::NotPermitted)),
            (io::ErrorKind::NotFound, None),
        ] {
            assert_eq!(StorageFault::among(&WriteError(kind.into())), expected, "{kind}");
        }
    }
}
