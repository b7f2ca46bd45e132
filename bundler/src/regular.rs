use rustix::fs::OFlags;
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Opens a regular file for reading; anything else is an error. Opening a named pipe would otherwise wait for a writer.
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    match metadata.file_type() {
        kind if kind.is_file() => Ok((file, metadata)),
        kind if kind.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe, a socket or a device, and no file")),
    }
}

/// Lets everybody read a file that was written, and nobody but its owner change it. FAT and its like know no permissions, and
/// some of their drivers refuse to be told any (EPERM, ENOSYS): there, the mount decides.
pub(crate) fn make_readable(file: &File) -> io::Result<()> {
    match file.set_permissions(Permissions::from_mode(0o644)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}
