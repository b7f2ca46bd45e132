//! Text that comes in pieces, line by line.

/// A line, in bytes: of longer ones, the rest is passed over.
const LINE_BYTES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Gives each line that is whole now to `take`, without its end.
    pub(super) fn update(&mut self, mut bytes: &[u8], mut take: impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.append(&bytes[..end]);
            self.give(&mut take);
            bytes = &bytes[end + 1..];
        }
        self.append(bytes);
    }

    /// Gives the last line, if nothing ends it.
    pub(super) fn finish(&mut self, mut take: impl FnMut(&str)) {
        if !self.0.is_empty() {
            self.give(&mut take);
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn give(&mut self, take: &mut impl FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.0);
        take(line.strip_suffix('\r').unwrap_or(&line));
        self.0.clear();
    }
}
