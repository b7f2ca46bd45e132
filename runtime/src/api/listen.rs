//! Binds the API's two listeners: its port, and the command line's root-only socket. Both outlive a restart in the descriptor store.

use crate::service::FdStore;
use landfall_host::port_holder::{self, PortHolder};
use rustix::fs::Mode;
use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::net::{SocketAddrV4, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Why the API cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The port cannot be bound.
    #[error("cannot listen at {address}{}", holder.as_ref().map(|holder| format!(", where {holder} does")).unwrap_or_default())]
    Port {
        /// The address and port of the settings.
        address: SocketAddrV4,
        /// The program that holds the port, as far as it can be seen.
        holder: Option<PortHolder>,
        /// Why.
        source: io::Error,
    },
    /// The unix socket cannot be bound.
    #[error("cannot listen at {path}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A running process answers at the unix socket.
    #[error("cannot listen at {path}: another `landfall serve` answers there")]
    AlreadyRunning {
        /// The socket.
        path: PathBuf,
    },
}

/// Listens on the API's port: with the inherited socket, or with a new one.
pub(crate) fn on_port(address: SocketAddrV4, fd_store: &FdStore) -> Result<TcpListener, ListenError> {
    let failed = |source: io::Error| {
        let holder = (source.kind() == ErrorKind::AddrInUse).then(|| port_holder::of(address.port())).flatten();
        ListenError::Port { address, holder, source }
    };
    let listener = fd_store.listen(address.port(), address.into()).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    fd_store.store_port(address.port(), &listener);
    Ok(listener)
}

/// Listens on the root-only socket at `path`: with the inherited one where its file still exists, or with a new one.
pub(crate) fn on_socket(path: &Path, fd_store: &FdStore) -> Result<UnixListener, ListenError> {
    let failed = |source| ListenError::Socket { path: path.to_owned(), source };
    // Without its file, nobody can connect to the inherited socket any more.
    let inherited = fd_store.take_command_socket().filter(|_| path.exists());
    let listener = match inherited {
        Some(listener) => listener,
        // A socket that answers belongs to a running process; one that does not was left behind by a dead one.
        None if UnixStream::connect(path).is_ok() => {
            return Err(ListenError::AlreadyRunning { path: path.to_owned() });
        }
        None => bind(path).map_err(failed)?,
    };
    listener.set_nonblocking(true).map_err(failed)?;
    fd_store.store_command_socket(&listener);
    Ok(listener)
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Created with mode 0600, rather than changed to it later. The mask is the process's, and no other thread has started yet.
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    bound
}
