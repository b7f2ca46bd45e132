//! What the kernel watches on a connection for us.

use rustix::net::sockopt;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// After how long a silent peer is asked whether it is still there, and between two such questions.
const ASK_AFTER: Duration = Duration::from_mins(1);
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// Small writes go out at once, and a peer that vanished, or that takes nothing of what it is sent for `patience`, is hung up on
/// (tcp(7), `TCP_USER_TIMEOUT`: it also decides how long questions go unanswered).
pub(crate) fn watch_over(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, ASK_AFTER)?;
    sockopt::set_tcp_keepintvl(stream, ASK_AGAIN)?;
    sockopt::set_tcp_user_timeout(stream, u32::try_from(patience.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_peer_that_never_reads_is_hung_up_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (reader, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { listener.accept().await });
        let (_reader, (mut writer, _)) = (reader.unwrap(), accepted.unwrap());
        watch_over(&writer, Duration::from_secs(1)).unwrap();
        let write = async { while writer.write_all(&[0; 4096]).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(20), write).await.unwrap();
    }
}
