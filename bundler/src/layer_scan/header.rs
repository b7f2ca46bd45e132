//! A tar header, as far as the scan needs it (POSIX.1-2017 `pax`, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format").

/// The size of a header in bytes.
pub(super) const BYTES: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// GNU tar's own sparse format.
    GnuSparse,
    Folder,
    Symlink,
    /// A hard link, device or pipe, which like folders and symbolic links has no content, whatever its size says.
    Special,
    /// Records for the next entry.
    Pax,
    /// The next entry's name.
    LongName,
    /// Where the next entry, a link, leads.
    LongLink,
    /// Records for all entries: nothing is looked for in them.
    Ignored,
    /// Anything else.
    Other,
}

#[derive(Debug)]
pub(super) struct EntryHeader {
    pub(super) kind: Kind,
    pub(super) path: String,
    /// Where a link leads.
    pub(super) link: String,
    pub(super) size: u64,
    /// Seconds since 1970.
    pub(super) mtime: u64,
    /// Whether anyone may run it.
    pub(super) is_executable: bool,
}

impl EntryHeader {
    /// The header in a block; none at the archive's end, and where the block is no header.
    pub(super) fn parse(block: &[u8]) -> Option<Self> {
        let block: &[u8; BYTES] = block.try_into().ok()?;
        // The sum is taken with its own field as spaces.
        let blank = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) };
        let sum: u64 = block.iter().enumerate().map(blank).sum();
        if number(&block[148..156])? != sum {
            return None;
        }
        let kind = match block[156] {
            b'0' | 0 | b'7' => Kind::File,
            b'S' => Kind::GnuSparse,
            b'5' => Kind::Folder,
            b'2' => Kind::Symlink,
            b'1' | b'3' | b'4' | b'6' => Kind::Special,
            b'x' => Kind::Pax,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            b'g' => Kind::Ignored,
            _ => Kind::Other,
        };
        // GNU's headers have other fields where ustar has the beginning of a long path.
        let prefix = if &block[257..263] == b"ustar\0" { text(&block[345..500]) } else { String::new() };
        let name = text(&block[..100]);
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        Some(Self {
            kind,
            path,
            link: text(&block[157..257]),
            size: number(&block[124..136])?,
            mtime: number(&block[136..148]).unwrap_or(0),
            is_executable: number(&block[100..108]).is_some_and(|mode| mode & 0o111 != 0),
        })
    }
}

fn text(field: &[u8]) -> String {
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Octal digits between spaces and NULs, or base 256 behind a set high bit.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if *first & 0x80 != 0 {
        // A negative number, or one of more than 64 bits, is none.
        let start = u64::from(*first & 0x7f);
        return rest.iter().try_fold(start, |sum, byte| Some(sum.checked_mul(256)? + u64::from(*byte)));
    }
    let digits: Vec<u8> = field.iter().copied().filter(|byte| !matches!(byte, b' ' | 0)).collect();
    digits.iter().try_fold(0_u64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(u64::from(*digit - b'0')),
        _ => None,
    })
}
