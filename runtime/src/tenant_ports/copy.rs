//! Copies between two connections, and can be interrupted between two bytes.
//!
//! Nothing is read before the other side can accept it, so that hardly ever are there bytes that were read from one side and not yet
//! written to the other. The two sockets are therefore the whole state of the copy: another process that receives them can continue it.

use super::Phase;
use super::pipe::{self, Spliced};
use crate::network::Activity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown, sockopt};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead as _, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::sync::watch;

/// How much is copied at once, in bytes: more than most requests, and what fits into the free space from which on the kernel reports a
/// connection as writable. Where that much comes at once, more is coming, and is moved by the kernel.
const BUFFER: usize = 8 << 10;
/// What a write takes of the receiver's room beyond its bytes, at most.
const OVERHEAD: usize = 2 << 10;
/// Reads in a row of one direction, after which other connections of the thread have their turn.
const READS: usize = 16;

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyEnd {
    /// Both sides closed their direction.
    Finished,
    /// The handover began; both connections are open, and no byte is in between.
    Interrupted,
}

/// What is known of the two connections before anything is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Nothing was sent on them.
    New,
    /// Another process has copied before.
    Continued,
}

/// Copies both ways until both sides have closed, one of them fails, or the handover begins.
pub(super) async fn both_ways(
    one: &mut TcpStream,
    other: &mut TcpStream,
    beginning: Beginning,
    phase: &watch::Receiver<Phase>,
    activity: &Activity,
) -> io::Result<CopyEnd> {
    let ((mut from_one, to_one), (mut from_other, to_other)) = (one.split(), other.split());
    let mut phase = phase.clone();
    let mut handing_over = pin!(Phase::HandingOver.begun(&mut phase));
    let [mut there, mut back] = [Direction::new(beginning), Direction::new(beginning)];
    let mut interrupted = false;
    // Both directions in one task, which is woken once for both: an error in one of them ends the other, and the caller then closes
    // both sockets.
    poll_fn(|context| {
        interrupted = interrupted || handing_over.as_mut().poll(context).is_ready();
        let gone = there.poll(context, &mut from_one, to_other.as_ref(), interrupted, activity)?;
        let come = back.poll(context, &mut from_other, to_one.as_ref(), interrupted, activity)?;
        if there.ended && back.ended {
            return Poll::Ready(Ok(CopyEnd::Finished));
        }
        // Where both have ended, the caller closes both sockets, which says the same.
        there.pass_end_on(to_other.as_ref())?;
        back.pass_end_on(to_one.as_ref())?;
        match (gone, come) {
            (Poll::Ready(()), Poll::Ready(())) => Poll::Ready(Ok(CopyEnd::Interrupted)),
            (Poll::Pending, _) | (_, Poll::Pending) => Poll::Pending,
        }
    })
    .await
}

/// One direction of a connection. Between two reads it holds no memory, so that idle connections take none.
#[derive(Debug, Default)]
struct Direction {
    /// How many bytes the receiver surely takes without waiting.
    room: usize,
    /// What was read and not taken, and how much of it has been since; usually nothing.
    rest: Vec<u8>,
    passed: usize,
    /// The last read brought as much as it could.
    bulk: bool,
    ended: bool,
    /// Whether the receiver knows that it has.
    end_passed_on: bool,
}

impl Direction {
    fn new(beginning: Beginning) -> Self {
        let room = match beginning {
            // The kernel's first buffer for sending takes more: twice what may be sent before an answer (RFC 6928).
            Beginning::New => 2 * (BUFFER + OVERHEAD),
            Beginning::Continued => 0,
        };
        Self { room, ..Self::default() }
    }

    /// Copies until the direction has ended or was interrupted.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut ReadHalf<'_>,
        to: &TcpStream,
        interrupted: bool,
        activity: &Activity,
    ) -> Poll<io::Result<()>> {
        for _ in 0..READS {
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            // Before the interruption: these bytes are in no socket.
            ready!(self.poll_rest(context, to))?;
            if interrupted {
                return Poll::Ready(Ok(()));
            }
            // Readable first: room that was seen before the bytes come may be gone by then.
            ready!(from.as_ref().poll_read_ready(context))?;
            ready!(self.poll_room(context, to))?;
            let moved = if self.bulk { self.splice(context, from, to) } else { self.copy(context, from, to) };
            match moved {
                Poll::Ready(Ok(0)) => self.ended = true,
                Poll::Ready(Ok(length)) => {
                    activity.touch();
                    self.room = self.room.saturating_sub(length + OVERHEAD);
                    self.bulk = length >= BUFFER;
                }
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Passes the end of the direction on, once. The next process reads the same end and passes it on again, which changes nothing, even
    /// where both sides have closed the connection since.
    fn pass_end_on(&mut self, to: &TcpStream) -> io::Result<()> {
        if !self.ended || std::mem::replace(&mut self.end_passed_on, true) {
            return Ok(());
        }
        match shutdown(to, Shutdown::Write) {
            Ok(()) | Err(Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what was read already.
    fn poll_rest(&mut self, context: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<()>> {
        while self.passed < self.rest.len() {
            match to.try_write(&self.rest[self.passed..]) {
                Ok(length) => self.passed += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(to.poll_write_ready(context))?,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        (self.rest, self.passed) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// Waits until the receiver has room for a buffer.
    fn poll_room(&mut self, context: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<()>> {
        while self.room < BUFFER {
            ready!(to.poll_write_ready(context))?;
            // Asks the kernel: the event loop only knows whether the last write failed.
            match to.try_io(Interest::WRITABLE, || room(to)) {
                Ok(room) => self.room = room,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes what comes, without waiting; how much came, of which none is the end.
    fn copy(&mut self, context: &mut Context<'_>, from: &mut ReadHalf<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); BUFFER];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(from).poll_read(context, &mut buffer))?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let written = match to.try_write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Poll::Ready(Err(error)),
        };
        self.rest = bytes[written..].to_vec();
        Poll::Ready(Ok(bytes.len()))
    }

    /// Has the kernel move what has come, as far as there is room for it, without waiting; how much it was, of which none is the end.
    fn splice(
        &mut self,
        context: &mut Context<'_>,
        from: &mut ReadHalf<'_>,
        to: &TcpStream,
    ) -> Poll<io::Result<usize>> {
        let length = self.room.min(pipe::CAPACITY);
        let sender = from.as_ref();
        match sender.try_io(Interest::READABLE, || pipe::move_bytes(sender, to, length)) {
            Ok(Spliced { taken, rest }) => {
                self.rest = rest;
                Poll::Ready(Ok(taken))
            }
            // No descriptor is left for a pipe.
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::MFILE | Errno::NFILE)) => {
                self.copy(context, from, to)
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// How many bytes a socket surely takes, as long as it is writable at all.
fn room(to: &TcpStream) -> io::Result<usize> {
    let mut polled = [PollFd::new(to, PollFlags::OUT)];
    match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Err(ErrorKind::WouldBlock.into()),
        // The kernel calls it writable while a third of its buffer is free, some of which is for its own notes on the bytes. Also for
        // an error or a hang-up, which the write then reports.
        _ => Ok((sockopt::socket_send_buffer_size(to)? / 4).max(BUFFER)),
    }
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
        let ((mut client, mut near), (mut far, mut tenant)) = (pair().await, pair().await);
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
                let mut copying = std::pin::pin!(timeout(
                    LIMIT,
                    both_ways(&mut near, &mut far, Beginning::Continued, &phase, &activity)
                ));
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
        let ((client, mut near), (mut far, mut tenant)) = (pair().await, pair().await);
        let (_end, phase) = watch::channel(Phase::Accepting);
        let activity = Activity::new(Instant::now());
        drop(client);
        tenant.shutdown().await.unwrap();
        let stopped =
            timeout(LIMIT, both_ways(&mut near, &mut far, Beginning::Continued, &phase, &activity)).await.unwrap();
        assert_eq!(stopped.unwrap(), CopyEnd::Finished);
    }
}
