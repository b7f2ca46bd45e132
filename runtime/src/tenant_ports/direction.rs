//! One direction of a connection between a client and a tenant.

use super::pipe::{self, Spliced};
use crate::network::Activity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown, sockopt};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead as _, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;

/// How much is copied at once, in bytes: more than most requests, and what fits into the free space from which on the kernel reports a
/// connection as writable. Where that much comes at once, more is coming, and is moved by the kernel.
const BUFFER: usize = 8 << 10;
/// What a write takes of the receiver's room beyond its bytes, at most.
const OVERHEAD: usize = 2 << 10;
/// Reads in a row of one direction, after which other connections of the thread have their turn.
const READS: usize = 16;
/// How much is dropped after the receiver's connection failed, in bytes.
const MAX_DISCARDED: usize = 256 << 20;

/// What is known of the two connections before anything is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Nothing was sent on them.
    New,
    /// Another process has copied before.
    Continued,
}

/// Which end of a direction failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    Sender,
    Receiver,
}

/// One direction of a connection. Between two reads it holds no memory, so that idle connections take none.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// How many bytes the receiver surely takes without waiting.
    room: usize,
    /// What was read and not taken, and how much of it has been since; usually nothing.
    rest: Vec<u8>,
    passed: usize,
    /// The last read brought as much as it could.
    bulk: bool,
    pub(super) ended: bool,
    /// Whether the receiver knows that it has.
    end_passed_on: bool,
    /// How much was read and dropped since the receiver's connection failed, where it has.
    pub(super) discarded: Option<usize>,
}

impl Direction {
    pub(super) fn new(beginning: Beginning) -> Self {
        let room = match beginning {
            // The kernel's first buffer for sending takes more: twice what may be sent before an answer (RFC 6928).
            Beginning::New => 2 * (BUFFER + OVERHEAD),
            Beginning::Continued => 0,
        };
        Self { room, ..Self::default() }
    }

    /// Drops what was read, and what will be.
    pub(super) fn discard(&mut self) {
        (self.rest, self.passed) = (Vec::new(), 0);
        self.discarded.get_or_insert(0);
    }

    /// Copies until the direction has ended or was interrupted.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut ReadHalf<'_>,
        to: &TcpStream,
        interrupted: bool,
        activity: &Activity,
    ) -> Poll<Result<(), Failed>> {
        for _ in 0..READS {
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            // Before the interruption: these bytes are in no socket.
            ready!(self.poll_rest(context, to)).or(Err(Failed::Receiver))?;
            if interrupted {
                return Poll::Ready(Ok(()));
            }
            // Readable first: room that was seen before the bytes come may be gone by then.
            ready!(from.as_ref().poll_read_ready(context)).or(Err(Failed::Sender))?;
            if self.discarded.is_none() {
                ready!(self.poll_room(context, to)).or(Err(Failed::Receiver))?;
            }
            let splices = self.bulk && self.discarded.is_none();
            // The receiver's errors are not among those of a move.
            match if splices { self.splice(context, from, to) } else { self.copy(context, from, to) } {
                Poll::Ready(Ok(0)) => self.ended = true,
                Poll::Ready(Ok(length)) => {
                    activity.touch();
                    self.room = self.room.saturating_sub(length + OVERHEAD);
                    self.bulk = length >= BUFFER;
                }
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Failed::Sender)),
                Poll::Pending => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Passes the end of the direction on, once. The next process reads the same end and passes it on again, which changes nothing, even
    /// where both sides have closed the connection since.
    pub(super) fn pass_end_on(&mut self, to: &TcpStream) {
        if self.ended && !std::mem::replace(&mut self.end_passed_on, true) {
            // Fails where the receiver's connection is gone, which a read or a write reports.
            let _ = shutdown(to, Shutdown::Write);
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

    /// Reads once and writes or drops what comes, without waiting; how much came, of which none is the end.
    fn copy(&mut self, context: &mut Context<'_>, from: &mut ReadHalf<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); BUFFER];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(from).poll_read(context, &mut buffer))?;
        let bytes = buffer.filled();
        if let Some(discarded) = &mut self.discarded {
            *discarded += bytes.len();
            return Poll::Ready(Ok(if *discarded > MAX_DISCARDED { 0 } else { bytes.len() }));
        }
        if !bytes.is_empty() {
            // After an error all of it is the rest, whose writing reports the error.
            let written = to.try_write(bytes).unwrap_or(0);
            self.rest = bytes[written..].to_vec();
        }
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
