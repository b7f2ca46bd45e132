use super::{EXTENTS, MAGIC, PACKED_BYTES, PREFIX_BYTES, SEGMENT_BYTES};
use std::io::{self, Read, Write};

/// A part of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u32,
}

/// One segment, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The size of its content in bytes.
    pub size: u32,
    /// The parts of the base that are in front of it.
    pub extents: Vec<Extent>,
    /// The content, compressed with them; none if it is them, one after the other.
    pub packed: Option<Vec<u8>>,
}

/// Writes what comes before the segments: the sizes of the content and of the base, in bytes.
///
/// # Errors
/// The output fails.
pub fn write_header(out: &mut impl Write, content: u64, base: u64) -> io::Result<()> {
    out.write_all(&MAGIC)?;
    out.write_all(&content.to_be_bytes())?;
    out.write_all(&base.to_be_bytes())
}

/// Reads what [`write_header`] wrote.
pub(super) fn read_header(source: &mut impl Read) -> io::Result<Option<(u64, u64)>> {
    let mut magic = [0; MAGIC.len()];
    source.read_exact(&mut magic)?;
    let (content, base) = (read_u64(source)?, read_u64(source)?);
    Ok((magic == MAGIC).then_some((content, base)))
}

impl Segment {
    /// Writes the segment.
    ///
    /// # Errors
    /// The output fails.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        out.write_all(&self.size.to_be_bytes())?;
        out.write_all(&number(self.extents.len()))?;
        out.write_all(&number(self.packed.as_ref().map_or(0, Vec::len)))?;
        for extent in &self.extents {
            out.write_all(&extent.offset.to_be_bytes())?;
            out.write_all(&extent.size.to_be_bytes())?;
        }
        self.packed.as_ref().map_or(Ok(()), |packed| out.write_all(packed))
    }

    /// Reads a segment that has to have `size` bytes, of parts of a base of `base` bytes. `Err` says what is wrong with it.
    pub(super) fn read(source: &mut impl Read, size: usize, base: u64) -> io::Result<Result<Self, &'static str>> {
        let [found, count, length] = [read_u32(source)?, read_u32(source)?, read_u32(source)?];
        // Each number is held against its limit before anything of that size is read.
        let [count, length] = [count, length].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        if usize::try_from(found) != Ok(size) || size > SEGMENT_BYTES {
            return Ok(Err("a segment has another size than the content leaves for it"));
        }
        if count > EXTENTS || length > PACKED_BYTES {
            return Ok(Err("a segment is larger than any may be"));
        }
        let mut extents = Vec::with_capacity(count);
        let mut prefix: u64 = 0;
        for _ in 0..count {
            let extent = Extent { offset: read_u64(source)?, size: read_u32(source)? };
            let end = extent.offset.checked_add(extent.size.into());
            if extent.size == 0 || end.is_none_or(|end| end > base) {
                return Ok(Err("a part of the base lies outside it"));
            }
            prefix = prefix.saturating_add(extent.size.into());
            extents.push(extent);
        }
        if prefix > PREFIX_BYTES as u64 || (length == 0 && prefix != size as u64) {
            return Ok(Err("the parts of the base have another size than they may have"));
        }
        let mut packed = vec![0; length];
        source.read_exact(&mut packed)?;
        Ok(Ok(Self { size: found, extents, packed: (length > 0).then_some(packed) }))
    }
}

fn read_u32(source: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    source.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn read_u64(source: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    source.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}
