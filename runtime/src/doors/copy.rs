//! Copies between two connections, and can stop between two bytes.
//!
//! Nothing is read before the other side has room for it. So next to never are there bytes that were taken from one side and not yet
//! given to the other: at any moment, the two connections are the whole state of the copying, and whoever holds them can go on with it.

use super::Stage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use std::io::{self, ErrorKind};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Each direction's buffer: as fast as larger ones on a bridge, and 256 connections stay in 4 MiB. Less than the room that the kernel
/// wants to have before it calls a connection writable.
const BUFFER: usize = 8 * 1024;

/// Why the copying stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// Both sides have said all.
    Ended,
    /// The doors are being left; the connections are as they were.
    Left,
}

/// Copies both ways until both sides have ended, one of them fails, or the doors are left.
pub(super) async fn both(one: &TcpStream, other: &TcpStream, stage: &watch::Receiver<Stage>) -> io::Result<Stopped> {
    let (there, back) = tokio::try_join!(copy(one, other, stage.clone()), copy(other, one, stage.clone()))?;
    let ended = there == Stopped::Ended && back == Stopped::Ended;
    Ok(if ended { Stopped::Ended } else { Stopped::Left })
}

async fn copy(from: &TcpStream, to: &TcpStream, mut stage: watch::Receiver<Stage>) -> io::Result<Stopped> {
    let mut buffer = vec![0; BUFFER];
    loop {
        tokio::select! {
            biased;
            () = Stage::Leaving.reached(&mut stage) => return Ok(Stopped::Left),
            ready = ready(from, to) => ready?,
        }
        match from.try_read(&mut buffer) {
            Ok(0) => return end(to).map(|()| Stopped::Ended),
            Ok(length) => write(to, &buffer[..length]).await?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn ready(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    from.readable().await?;
    to.async_io(Interest::WRITABLE, || has_room(to)).await
}

/// Asks the kernel, because what the event loop remembers is only as new as the last write that failed.
fn has_room(to: &TcpStream) -> io::Result<()> {
    let mut asked = [PollFd::new(to, PollFlags::OUT)];
    match poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Err(ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

/// Passes the end on. Whoever goes on with the copying finds the same end and says it again, which changes nothing; both sides may
/// even have closed the connection since.
fn end(to: &TcpStream) -> io::Result<()> {
    match shutdown(to, Shutdown::Write) {
        Ok(()) | Err(Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn write(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
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
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (one, other) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { listener.accept().await });
        (one.unwrap(), other.unwrap().0)
    }

    #[tokio::test]
    async fn no_byte_is_lost_or_doubled_however_often_others_take_over() {
        let ((mut caller, near), (far, mut tenant)) = (pair().await, pair().await);
        // More than the kernel holds, so that copying stops where the caller is slow.
        let sent: Vec<u8> = (0..8_000_000_u32).map(|number| (number % 251) as u8).collect();
        let answer = sent.clone();
        let saying = tokio::spawn(async move {
            tenant.write_all(&answer).await.unwrap();
            tenant.shutdown().await.unwrap();
            let mut asked = Vec::new();
            tenant.read_to_end(&mut asked).await.unwrap();
            asked
        });
        let copying = tokio::spawn(async move {
            let mut turns = 0;
            loop {
                turns += 1;
                let (end, stage) = watch::channel(Stage::Open);
                let left = async {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    end.send_replace(Stage::Leaving);
                };
                let copying =
                    async { timeout(Duration::from_secs(2), both(&near, &far, &stage)).await.unwrap().unwrap() };
                if tokio::join!(copying, left).0 == Stopped::Ended {
                    return turns;
                }
            }
        });
        caller.write_all(b"more").await.unwrap();
        caller.shutdown().await.unwrap();
        let mut received = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let length = caller.read(&mut chunk).await.unwrap();
            if length == 0 {
                break;
            }
            received.extend_from_slice(&chunk[..length]);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
        assert_eq!(saying.await.unwrap(), b"more");
        assert!(copying.await.unwrap() > 10);
    }

    #[tokio::test]
    async fn a_side_that_hangs_up_ends_both() {
        let ((caller, near), (far, mut tenant)) = (pair().await, pair().await);
        let (_end, stage) = watch::channel(Stage::Open);
        drop(caller);
        tenant.shutdown().await.unwrap();
        let stopped = timeout(Duration::from_secs(5), both(&near, &far, &stage)).await.unwrap();
        assert_eq!(stopped.unwrap(), Stopped::Ended);
    }
}
