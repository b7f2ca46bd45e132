use super::Media;
use super::memory::Recalled;
use super::overlay::Origin;
use super::parts::OpenPart;
use std::io::{self, Read};
use std::sync::Arc;

/// Reads the media from some offset on, without moving anybody else's position. It has at most one part open, and none once it
/// is dropped.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    media: &'a Media,
    offset: u64,
    part: Option<Arc<OpenPart>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(media: &'a Media, offset: u64) -> Self {
        Self { media, offset, part: None }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let media = self.media;
        let unknown = match media.memory.recall(self.offset, buffer) {
            Recalled::Bytes(count) => return Ok(count),
            Recalled::Nothing(bytes) => bytes,
        };
        match media.overlay.origin(self.offset) {
            Origin::Header(rest) => {
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Origin::Patch { offset, bytes } => {
                let buffer = first(buffer, unknown.min(bytes));
                media.patch.as_ref().map_or(Ok(0), |patch| patch.read_at(buffer, offset))
            }
            Origin::Bundle(bytes) => {
                media.source.read_at(&mut self.part, first(buffer, unknown.min(bytes)), self.offset)
            }
        }
    }
}

fn first(buffer: &mut [u8], bytes: u64) -> &mut [u8] {
    let count = buffer.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
    &mut buffer[..count]
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.read_some(buffer)?;
        self.offset = self.offset.saturating_add(read as u64);
        Ok(read)
    }
}
