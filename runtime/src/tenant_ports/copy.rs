//! Copies between two connections, and can be interrupted between two bytes.
//!
//! Nothing is read before the other side can accept it, so that hardly ever are there bytes that were read from one side and not yet
//! written to the other. The two sockets are therefore the whole state of the copy: another process that receives them can continue it.

use super::Phase;
use crate::network::Activity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use std::io::{self, ErrorKind};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How much is read at once, in bytes: as fast as more on a bridge. Less than the free space from which on the kernel reports a connection
/// as writable, so that one read can be written without waiting.
const BUFFER: usize = 8 * 1024;

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyEnd {
    /// Both sides closed their direction.
    Finished,
    /// The handover began; both connections are open, and no byte is in between.
    Interrupted,
}

/// Copies both ways until both sides have closed, one of them fails, or the handover begins.
pub(super) async fn both_ways(
    one: &TcpStream,
    other: &TcpStream,
    phase: &watch::Receiver<Phase>,
    activity: &Activity,
) -> io::Result<CopyEnd> {
    // Both directions in one task: an error in one of them ends the other, and the caller then closes both sockets.
    let (there, back) =
        tokio::try_join!(copy(one, other, phase.clone(), activity), copy(other, one, phase.clone(), activity))?;
    let ended = there == CopyEnd::Finished && back == CopyEnd::Finished;
    Ok(if ended { CopyEnd::Finished } else { CopyEnd::Interrupted })
}

async fn copy(
    from: &TcpStream,
    to: &TcpStream,
    mut phase: watch::Receiver<Phase>,
    activity: &Activity,
) -> io::Result<CopyEnd> {
    loop {
        tokio::select! {
            biased;
            // First: the sockets of a busy connection are always ready, and it would never be handed over.
            () = Phase::HandingOver.begun(&mut phase) => return Ok(CopyEnd::Interrupted),
            ready = ready(from, to) => ready?,
        }
        match transfer(from, to)? {
            Transferred::Nothing => {}
            Transferred::End => return close_write(to).map(|()| CopyEnd::Finished),
            Transferred::AllBut(rest) => {
                activity.touch();
                write(to, &rest).await?;
            }
        }
    }
}

/// What one read brought.
enum Transferred {
    /// Nothing: readiness was out of date (tokio, `try_read`).
    Nothing,
    /// The end of this direction.
    End,
    /// Bytes, of which these could not be written without waiting; usually none.
    AllBut(Vec<u8>),
}

/// Reads once and writes what comes, without waiting. No memory is held between two reads, so that idle connections take none.
fn transfer(from: &TcpStream, to: &TcpStream) -> io::Result<Transferred> {
    let mut buffer = [0; BUFFER];
    let length = match from.try_read(&mut buffer) {
        Ok(0) => return Ok(Transferred::End),
        Ok(length) => length,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Transferred::Nothing),
        Err(error) => return Err(error),
    };
    let bytes = &buffer[..length];
    match to.try_write(bytes) {
        Ok(written) => Ok(Transferred::AllBut(bytes[written..].to_vec())),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Transferred::AllBut(bytes.to_vec())),
        Err(error) => Err(error),
    }
}

async fn ready(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    // Readable first: room that was seen before the bytes come may be gone by then.
    from.readable().await?;
    to.async_io(Interest::WRITABLE, || is_writable(to)).await
}

/// Asks the kernel: the event loop only knows whether the last write failed.
fn is_writable(to: &TcpStream) -> io::Result<()> {
    let mut polled = [PollFd::new(to, PollFlags::OUT)];
    match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Err(ErrorKind::WouldBlock.into()),
        // Also for an error or a hang-up, which the write then reports.
        _ => Ok(()),
    }
}

/// Passes the end of one direction on. The next process reads the same end and passes it on again, which changes nothing, even where
/// both sides have closed the connection since.
fn close_write(to: &TcpStream) -> io::Result<()> {
    match shutdown(to, Shutdown::Write) {
        Ok(()) | Err(Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn write(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            // Rare, since `ready` has seen room for a buffer. Not
            // interrupted by the handover: these bytes are in no socket.
            Err(error) if error.kind() == ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use rustix::net::sockopt;
    use std::time::{Duration, Instant};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    /// How long to wait for what must happen.
    const LIMIT: Duration = Duration::from_mins(5);
    /// How much the kernel may hold for a client, in bytes: a small part of what is sent.
    const BUFFER: usize = 64 << 10;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (one, other) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { listener.accept().await });
        (one.unwrap(), other.unwrap().0)
    }

    #[tokio::test]
    async fn no_byte_is_lost_or_repeated_however_often_the_copy_is_handed_over() {
        let ((mut client, near), (far, mut tenant)) = (pair().await, pair().await);
        sockopt::set_socket_recv_buffer_size(&client, BUFFER).unwrap();
        sockopt::set_socket_send_buffer_size(&near, BUFFER).unwrap();
        // The copy is handed over each time that the client has read something.
        let (read, mut was_read) = mpsc::channel(1);
        let sent: Vec<u8> = (0..8_000_000_u32).map(|number| (number % 251) as u8).collect();
        let answer = sent.clone();
        let tenant = tokio::spawn(async move {
            tenant.write_all(&answer).await.unwrap();
            tenant.shutdown().await.unwrap();
            let mut asked = Vec::new();
            tenant.read_to_end(&mut asked).await.unwrap();
            asked
        });
        let copying = tokio::spawn(async move {
            let activity = Activity::new(Instant::now());
            let mut processes = 0;
            loop {
                processes += 1;
                let (end, phase) = watch::channel(Phase::Accepting);
                let mut copying = std::pin::pin!(timeout(LIMIT, both_ways(&near, &far, &phase, &activity)));
                let copied = tokio::select! {
                    copied = &mut copying => copied,
                    _ = was_read.recv() => {
                        end.send_replace(Phase::HandingOver);
                        copying.await
                    }
                };
                if copied.unwrap().unwrap() == CopyEnd::Finished {
                    return processes;
                }
            }
        });
        client.write_all(b"more").await.unwrap();
        client.shutdown().await.unwrap();
        let mut received = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let length = client.read(&mut chunk).await.unwrap();
            if length == 0 {
                break;
            }
            received.extend_from_slice(&chunk[..length]);
            // Fails when all is copied: nothing is handed over any more.
            let _ = read.send(()).await;
        }
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
        assert_eq!(tenant.await.unwrap(), b"more");
        assert!(copying.await.unwrap() > 10);
    }

    #[tokio::test]
    async fn a_client_that_closes_ends_both_directions() {
        let ((client, near), (far, mut tenant)) = (pair().await, pair().await);
        let (_end, phase) = watch::channel(Phase::Accepting);
        let activity = Activity::new(Instant::now());
        drop(client);
        tenant.shutdown().await.unwrap();
        let stopped = timeout(LIMIT, both_ways(&near, &far, &phase, &activity)).await.unwrap();
        assert_eq!(stopped.unwrap(), CopyEnd::Finished);
    }
}
