use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};

/// gzip's own default. Part of the output.
const LEVEL: u32 = 6;
/// How many bytes the encoder takes at a time. Its output depends on the pieces that it is given, so that they are always the same ones.
const PIECE: usize = 256 << 10;
/// Counts the versions of the library whose output differs, as the test of the compressor's bytes shows.
const OUTPUT: u32 = 1;

/// See `compressor::form`.
pub(super) fn form(level: Option<u32>) -> String {
    let level = level.unwrap_or(LEVEL);
    format!("gzip {OUTPUT} {level} {PIECE}")
}

/// gzip, whose output follows from the content, the level and the constants above: it has no time and no name in its header (RFC 1952, section
/// 2.3.1).
pub(super) struct Gzip<W: Write> {
    encoder: GzEncoder<W>,
    piece: Vec<u8>,
}

impl<W: Write> Gzip<W> {
    pub(super) fn new(out: W, level: Option<u32>) -> Self {
        Self {
            encoder: GzEncoder::new(out, Compression::new(level.unwrap_or(LEVEL))),
            piece: Vec::with_capacity(PIECE),
        }
    }

    pub(super) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(PIECE - self.piece.len()));
            self.piece.extend_from_slice(taken);
            bytes = rest;
            if self.piece.len() == PIECE {
                self.encoder.write_all(&self.piece)?;
                self.piece.clear();
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.encoder.write_all(&self.piece)?;
        self.encoder.finish()
    }
}
