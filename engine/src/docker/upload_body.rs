//! The body of a request that a thread writes while it is sent, with little memory in between.

use bytes::Bytes;
use futures_util::Stream;
use std::io::{self, Write};
use tokio::sync::mpsc;

/// The size of a piece of the body, in bytes.
const CHUNK: usize = 256 << 10;
/// How many pieces wait to be sent: with [`CHUNK`], 2 MiB of memory.
const PENDING: usize = 8;

/// The end to write to.
pub(super) struct BodyWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

/// A writer, and the body that consists of what is written.
pub(super) fn channel() -> (BodyWriter, impl Stream<Item = io::Result<Bytes>> + Send + 'static) {
    let (sender, receiver) = mpsc::channel(PENDING);
    let body = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let item = receiver.recv().await?;
        Some((item, receiver))
    });
    (BodyWriter { sender, buffer: Vec::with_capacity(CHUNK) }, body)
}

impl BodyWriter {
    /// Ends the body if all was written, and otherwise breaks it off, which the engine takes for an error.
    pub(super) fn finish(mut self, result: io::Result<()>) -> io::Result<()> {
        let result = result.and_then(|()| self.send());
        if result.is_err() {
            // Nobody receives it where the engine closed the connection first.
            let _ = self.sender.blocking_send(Err(io::Error::other("the image is not complete")));
        }
        result
    }

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        // Blocks while enough pieces wait: memory is bounded however slow the engine is.
        self.sender.blocking_send(Ok(chunk.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..fits]);
        if self.buffer.len() == CHUNK {
            self.send()?;
        }
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
