//! Pipes, through which the kernel moves bytes from one connection to another without copying them (splice(2)).

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, read};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::Cell;
use std::io;

/// What a pipe takes at most, in bytes, where the kernel grants it; otherwise 64 KiB.
pub(super) const CAPACITY: usize = 256 << 10;

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

thread_local! {
    /// The pipe of this thread. It is empty, and used by one connection at a time, between two points where that waits.
    static PIPE: Cell<Option<Pipe>> = const { Cell::new(None) };
}

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// What moved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spliced {
    /// How many bytes left the one socket. Zero is its end.
    pub(super) taken: usize,
    /// Those of them that the other did not take without waiting; usually none.
    pub(super) rest: Vec<u8>,
}

/// Moves at most `length` bytes from one socket to another, without waiting.
pub(super) fn move_bytes(from: impl AsFd, to: impl AsFd, length: usize) -> io::Result<Spliced> {
    let pipe = PIPE.take().map_or_else(Pipe::new, Ok)?;
    let spliced = pipe.pass(from, to, length);
    // After an error there may be bytes in it, which must not reach another connection.
    if spliced.is_ok() {
        PIPE.set(Some(pipe));
    }
    spliced
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Refused where this process may have no larger one.
        let _ = fcntl_setpipe_size(&write, CAPACITY);
        Ok(Self { read, write })
    }

    /// Leaves the pipe empty, unless it fails.
    fn pass(&self, from: impl AsFd, to: impl AsFd, length: usize) -> io::Result<Spliced> {
        let taken = match splice(from, None, &self.write, None, length, FLAGS) {
            // The pipe is empty: the socket is.
            Err(Errno::AGAIN) => return Err(io::ErrorKind::WouldBlock.into()),
            taken => taken?,
        };
        let mut left = taken;
        while left > 0 {
            match splice(&self.read, None, &to, None, left, FLAGS) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(passed) => left -= passed,
                // It has no room, or its connection failed, which writing the rest reports.
                Err(_) => return Ok(Spliced { taken, rest: self.read_rest(left)? }),
            }
        }
        Ok(Spliced { taken, rest: Vec::new() })
    }

    fn read_rest(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut rest = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match read(&self.read, &mut rest[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => filled += more,
            }
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use rustix::net::sockopt;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let other = listener.accept().unwrap().0;
        one.set_nonblocking(true).unwrap();
        (one, other)
    }

    #[test]
    fn what_the_receiver_does_not_take_comes_back_and_the_pipe_is_empty_again() {
        let ((from, mut sender), (to, mut client)) = (pair(), pair());
        let sent: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let writing = std::thread::spawn({
            let sent = sent.clone();
            move || sender.write_all(&sent).map(|()| sender)
        });
        sockopt::set_socket_send_buffer_size(&to, 4096).unwrap();
        // Nobody reads meanwhile: the kernel holds some of it, and the rest comes back.
        let (mut taken, mut rest) = (0, Vec::new());
        while rest.is_empty() && taken < sent.len() {
            match move_bytes(&from, &to, CAPACITY) {
                Ok(spliced) => (taken, rest) = (taken + spliced.taken, spliced.rest),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        assert!(!rest.is_empty(), "{taken} bytes fitted into the kernel");
        to.set_nonblocking(false).unwrap();
        let mut received = vec![0; taken - rest.len()];
        client.read_exact(&mut received).unwrap();
        received.extend(&rest);
        assert!(received == sent[..taken]);
        // The next ones through the same pipe.
        while taken < sent.len() {
            match move_bytes(&from, &to, 4096) {
                Ok(spliced) => {
                    let mut more = vec![0; spliced.taken - spliced.rest.len()];
                    client.read_exact(&mut more).unwrap();
                    more.extend(&spliced.rest);
                    assert!(more == sent[taken..taken + spliced.taken]);
                    taken += spliced.taken;
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        drop(writing.join().unwrap().unwrap());
    }
}
