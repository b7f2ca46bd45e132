//! The socket of an engine whose packages are gone: systemd leaves the file behind (systemd.socket(5), `RemoveOnStop=`), and whoever finds
//! it takes it for that of an engine.

use crate::durable::{self, PathError};
use crate::engine::EngineAddress;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;

/// Removes the file, if nobody listens there.
pub(crate) fn remove_dead_socket(engine: &EngineAddress) -> Result<(), PathError> {
    let EngineAddress::Unix(path) = engine else { return Ok(()) };
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => durable::remove(path),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_a_socket_without_a_listener_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let engine = EngineAddress::Unix(path.clone());
        remove_dead_socket(&engine).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        remove_dead_socket(&engine).unwrap();
        assert!(path.exists());
        drop(listener);
        remove_dead_socket(&engine).unwrap();
        assert!(!path.exists());
    }
}
