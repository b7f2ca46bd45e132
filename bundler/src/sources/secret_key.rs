use landfall_keys::{MAX_FILE_BYTES, SecretKeyFile};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use zeroize::Zeroizing;

/// Whether a file of `size` bytes is a secret key that signs bundles, which everybody who receives the bundle would receive.
/// The file's position does not change.
pub(super) fn is_secret_key(file: &File, size: u64) -> io::Result<bool> {
    let Some(size) = usize::try_from(size).ok().filter(|size| *size <= MAX_FILE_BYTES) else { return Ok(false) };
    let mut content = Zeroizing::new(vec![0; size]);
    match file.read_exact_at(&mut content, 0) {
        // It has become shorter, which is found when it is packed.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    Ok(std::str::from_utf8(&content).is_ok_and(|text| SecretKeyFile::parse(text).is_ok()))
}
