//! Timeouts that the kernel enforces on a connection.

use rustix::net::sockopt;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long a peer may be silent before the kernel probes it, and how far apart probes are.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Sends small writes at once, and has the kernel close the connection when the peer is gone, or accepts no data for `stalled`
/// (tcp(7), `TCP_USER_TIMEOUT`, which also bounds how long probes may go unanswered). Connections that a listening socket accepts have
/// its options, without a call for each.
pub(crate) fn set(stream: impl AsFd, stalled: Duration) -> io::Result<()> {
    let stream = stream.as_fd();
    sockopt::set_tcp_nodelay(stream, true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    // The kernel's own idle time is two hours (tcp(7),
    // `tcp_keepalive_time`): too long for a connection that holds a slot.
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_user_timeout(stream, u32::try_from(stalled.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_connection_whose_peer_never_reads_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        set(&listener, Duration::from_secs(1)).unwrap();
        let (reader, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { listener.accept().await });
        let (_reader, (mut writer, _)) = (reader.unwrap(), accepted.unwrap());
        assert!(writer.nodelay().unwrap(), "the options of the listening socket");
        let write = async { while writer.write_all(&[0; 4096]).await.is_ok() {} };
        tokio::time::timeout(Duration::from_mins(5), write).await.unwrap();
    }
}
