//! `docker-daemon:`: images of an engine that speaks Docker's API. The only module that names `bollard`, apart from the
//! error that carries its errors.

use super::docker_archive::pack_stream;
use super::image::PackedImages;
use super::{ImageError, PackContext, SourceError};
use crate::plan::RequestedImage;
use bollard::Docker;
use bollard::errors::Error;
use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _};
use std::io::{self, Read};
use std::pin::Pin;
use tokio::runtime::{Builder, Runtime};

const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// Takes all images in one export, in which layers that they share are there once.
pub(super) fn pack(wanted: &[RequestedImage], work: &mut PackContext<'_>) -> Result<PackedImages, ImageError> {
    let first = &wanted[0];
    let engine = Engine::connect().map_err(|error| first.failed(error))?;
    let mut references = Vec::new();
    for wanted in wanted {
        let reference = wanted.reference.as_deref().unwrap_or_default();
        references.push(engine.complete(reference).map_err(|error| wanted.failed(error))?);
    }
    let progress = work.console.progress("Reading from the engine", None);
    let stream = progress.reader(engine.export(&references));
    let packed = match wanted {
        // An export of one image needs no name, so that an image that has none can be asked for by its id.
        [only] => pack_stream(stream, &[RequestedImage { reference: None, ..only.clone() }], None, work),
        several => pack_stream(stream, several, None, work),
    };
    let packed = packed?;
    progress.finish();
    Ok(packed)
}

struct Engine {
    runtime: Runtime,
    docker: Docker,
    address: String,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names, or to Docker's own socket.
    fn connect() -> Result<Self, SourceError> {
        let address = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        let address = address.unwrap_or_else(|| DEFAULT_SOCKET.to_owned());
        let no_engine = |source| SourceError::NoEngine { address: address.clone(), source };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| no_engine(error.into()))?;
        let connect = async { Docker::connect_with_host(&address)?.negotiate_version().await };
        let docker = runtime.block_on(connect).map_err(no_engine)?;
        Ok(Self { runtime, docker, address })
    }

    /// The name to export an image by. It is asked for first, since an export fails late and unclearly, and a name without
    /// a tag would export every tag of it.
    fn complete(&self, reference: &str) -> Result<String, SourceError> {
        let address = self.address.clone();
        let image = self.runtime.block_on(self.docker.inspect_image(reference)).map_err(|source| match source {
            Error::DockerResponseServerError { status_code: 404, .. } => {
                SourceError::NotInEngine { reference: reference.to_owned(), address }
            }
            source => SourceError::Engine { address, source },
        })?;
        let id = image.id.unwrap_or_default();
        let is_id = [id.as_str(), id.trim_start_matches("sha256:")].into_iter().any(|id| id.starts_with(reference));
        let last = reference.rsplit('/').next().unwrap_or_default();
        let complete = is_id || last.contains([':', '@']);
        Ok(if complete { reference.to_owned() } else { format!("{reference}:latest") })
    }

    fn export(self, references: &[String]) -> Export {
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let stream = Box::pin(self.docker.export_images(&references));
        Export { stream, runtime: self.runtime, chunk: Bytes::new() }
    }
}

/// The body of an answer as a blocking reader.
struct Export {
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, Error>>>>,
    runtime: Runtime,
    chunk: Bytes,
}

impl Read for Export {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk.map_err(io::Error::other)?,
            }
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
