use crate::errors::bundle_error::BundleError;
use crate::parity::stripe::StripeEncoder;
use crate::unverified::UnverifiedBundle;
use landfall_console::Progress;
use landfall_manifests::parity::{Geometry, GeometryError, Index, checksum};
use landfall_manifests::{Digest, ReadError, Signed};
use std::io::{self, Read as _, Write};
use std::path::PathBuf;

/// A parity file cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// There is none for this bundle.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The bundle cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle has other bytes than those that were copied before.
    #[error("{} changed while it was read", .0.display())]
    Changed(PathBuf),
    /// The file cannot be written.
    #[error("the parity file cannot be written")]
    Write(#[source] io::Error),
    /// The code takes no such numbers, which is an error of this program.
    #[error("the recovery blocks cannot be computed")]
    Code(#[from] reed_solomon_simd::Error),
}

/// Makes the parity file of a bundle, from the bytes that are copied and then once more from the bundle: all blocks of a stripe are
/// needed at once, and lie far apart.
#[derive(Debug, Clone)]
pub struct ParityEncoder {
    manifest: Digest,
    geometry: Geometry,
    /// The checksum of each block that was copied so far.
    blocks: Vec<u32>,
    /// The beginning of the next block.
    begun: Vec<u8>,
}

impl ParityEncoder {
    /// For the bundle of `signed`, with parity of at least so many percent of its size.
    ///
    /// # Errors
    /// The bundle is too large for so little parity.
    pub fn new(signed: &Signed, percent: u32) -> Result<Self, GeometryError> {
        let geometry = Geometry::for_bundle(signed.bundle_bytes(), percent)?;
        Ok(Self { manifest: Digest::of(signed.bytes()), geometry, blocks: Vec::new(), begun: Vec::new() })
    }

    /// How the bundle is cut into blocks.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// A writer to `out` that takes note of the bundle's bytes on their way.
    pub fn recording<W: Write>(&mut self, out: W) -> RecordingWriter<'_, W> {
        RecordingWriter { encoder: self, out }
    }

    fn record(&mut self, mut bytes: &[u8]) {
        let size = self.block_bytes();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(bytes.len().min(size - self.begun.len()));
            self.begun.extend_from_slice(piece);
            if self.begun.len() == size {
                self.end_block();
            }
            bytes = rest;
        }
    }

    /// Ends a block, with zeros where it is the last one and shorter.
    fn end_block(&mut self) {
        self.begun.resize(self.block_bytes(), 0);
        self.blocks.push(checksum(&self.begun));
        self.begun.clear();
    }

    fn block_bytes(&self) -> usize {
        usize::try_from(self.geometry.block_bytes()).unwrap_or(usize::MAX)
    }

    /// Writes the parity file to `out`, once all of the bundle was recorded. Every byte is written once, in order.
    ///
    /// # Errors
    /// `bundle` cannot be read, or does not have the bytes that were recorded, or `out` cannot be written.
    pub fn write(
        mut self,
        bundle: &UnverifiedBundle,
        mut out: impl Write,
        progress: &Progress,
    ) -> Result<(), ParityError> {
        if !self.begun.is_empty() {
            self.end_block();
        }
        let Self { manifest, geometry, blocks, .. } = self;
        let front = Index::new(manifest, geometry, blocks, Vec::new());
        out.write_all(&front.front()).map_err(ParityError::Write)?;
        let mut encoder = StripeEncoder::new(geometry)?;
        let mut recovery = Vec::new();
        for stripe in 0..geometry.stripes() {
            let read = |block: u64, buffer: &mut [u8]| {
                let (begin, bytes) = geometry.place_of(block);
                let read = bundle.at(begin).read_exact(&mut buffer[..bytes]);
                read.map_err(|source| bundle.located(ReadError::of(source, "the bundle", begin)))?;
                progress.add(bytes as u64);
                // What is protected must be what is on the medium.
                let is_copied = front.block_checksum(block) == Some(checksum(buffer));
                if is_copied { Ok(()) } else { Err(ParityError::Changed(bundle.path().to_owned())) }
            };
            let write = |block: &[u8]| {
                recovery.push(checksum(block));
                out.write_all(block).map_err(ParityError::Write)
            };
            encoder.encode(stripe, read, write)?;
        }
        out.write_all(&front.with_recovery(recovery).back()).map_err(ParityError::Write)
    }
}

/// Passes a bundle's bytes on, which an encoder takes note of.
#[derive(Debug)]
pub struct RecordingWriter<'a, W> {
    encoder: &'a mut ParityEncoder,
    out: W,
}

impl<W: Write> Write for RecordingWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.encoder.record(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
