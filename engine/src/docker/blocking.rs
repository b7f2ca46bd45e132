//! The engine for synchronous callers: each call drives a request to its end on the calling thread.

use super::connection::Docker;
use super::response::classified;
use super::upload_body;
use crate::address::EngineAddress;
use crate::error::EngineError;
use crate::images::{About, EngineNetwork, ImageEngine, ImageExporter, LocalImage, Volumes, WriteArchive};
use crate::labels::Owned;
use bollard::errors::Error;
use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _};
use std::io::{self, Read};
use std::pin::Pin;
use tokio::runtime::{Builder, Runtime};

/// A container engine that serves the Docker Engine API, for one command of a synchronous program.
pub struct BlockingDocker {
    engine: Docker,
    runtime: Runtime,
}

impl BlockingDocker {
    /// Connects and agrees on a version of the API.
    ///
    /// # Errors
    /// The engine cannot be reached.
    pub fn connect(address: &EngineAddress) -> Result<Self, EngineError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| EngineError::Unreachable { address: address.to_string(), source: error.into() })?;
        let engine = Docker::for_command(address.clone());
        runtime.block_on(engine.session())?;
        Ok(Self { engine, runtime })
    }
}

impl ImageEngine for BlockingDocker {
    fn about(&self) -> Result<About, EngineError> {
        self.runtime.block_on(self.engine.describe())
    }

    fn images(&self) -> Result<Vec<LocalImage>, EngineError> {
        self.runtime.block_on(self.engine.local_images())
    }

    fn image(&self, reference: &str) -> Result<Option<LocalImage>, EngineError> {
        self.runtime.block_on(self.engine.local_image(reference))
    }

    fn networks(&self) -> Result<Vec<EngineNetwork>, EngineError> {
        self.runtime.block_on(self.engine.all_networks())
    }

    fn load(&self, write: WriteArchive<'_>) -> Result<(), EngineError> {
        let (mut writer, body) = upload_body::channel();
        // A scoped thread, since `write` borrows the store and the progress of its caller.
        let (written, loaded) = std::thread::scope(|scope| {
            // A thread of its own, because `write` blocks, and this one sends what is written.
            let writing = scope.spawn(move || {
                let result = write(&mut writer);
                writer.finish(result)
            });
            let loaded = self.runtime.block_on(self.engine.load_archive(body));
            (writing.join(), loaded)
        });
        match (written, loaded) {
            (Ok(Ok(())), loaded) => loaded,
            // The engine hung up, and its own reason says more than that.
            (Ok(Err(error)), Err(engine)) if error.kind() == io::ErrorKind::BrokenPipe => Err(engine),
            (Ok(Err(error)), _) => Err(EngineError::Archive(error)),
            (Err(_), _) => Err(EngineError::Archive(io::Error::other("the thread that writes it panicked"))),
        }
    }

    fn is_loading(&self) -> Result<bool, EngineError> {
        self.runtime.block_on(self.engine.is_unpacking())
    }

    fn tag(&self, id: &str, tag: &str) -> Result<(), EngineError> {
        self.runtime.block_on(self.engine.add_tag(id, tag))
    }

    fn untag(&self, tag: &str) -> Result<(), EngineError> {
        self.runtime.block_on(self.engine.remove_tag(tag))
    }

    fn remove_owned(&self, owned: &Owned, volumes: Volumes) -> Result<(), EngineError> {
        self.runtime.block_on(self.engine.remove_all_owned(owned, volumes))
    }
}

impl ImageExporter for BlockingDocker {
    fn image(&self, reference: &str) -> Result<Option<LocalImage>, EngineError> {
        self.runtime.block_on(self.engine.local_image(reference))
    }

    fn export(self: Box<Self>, references: &[String]) -> Result<Box<dyn Read>, EngineError> {
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let session = self.runtime.block_on(self.engine.session())?;
        let stream = Box::pin(session.client.export_images(&references));
        Ok(Box::new(Export { stream, runtime: self.runtime, chunk: Bytes::new() }))
    }
}

/// The body of an answer as a reader.
struct Export {
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, Error>>>>,
    runtime: Runtime,
    chunk: Bytes,
}

impl Read for Export {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // An empty piece is passed over: a reader that returns 0 is at its end.
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Err(io::Error::other(classified("export images", error))),
            }
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
