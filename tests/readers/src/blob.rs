//! A compressed blob of a bundle, as the installer unpacks it.

use crate::image::{compressed, layer};
use crate::{ReadOutcome, Target, none};
use flate2::read::MultiGzDecoder;
use landfall_installer::readers::blob;
use landfall_manifests::{Digest, Encoding, limits};
use std::io::{self, Read};

/// A blob unpacks to what the manifest says and to nothing else.
pub(crate) const TARGET: Target = Target { name: "blob", read, seeds, findings: none, mutate: None };

/// The most that a blob unpacks to, in bytes.
const CONTENT_BYTES: u64 = 4 << 20;

fn read(input: &[u8]) -> ReadOutcome {
    let verdicts = [Encoding::Gzip, Encoding::Zstd].map(|encoding| unpack(input, encoding));
    if verdicts.contains(&ReadOutcome::Accepted) { ReadOutcome::Accepted } else { ReadOutcome::Refused }
}

fn unpack(input: &[u8], encoding: Encoding) -> ReadOutcome {
    let ours = |digest, size| blob(input.to_vec(), encoding, digest, size);
    let Ok(content) = library(input, encoding) else {
        assert!(ours(Digest::of(b""), 0).is_err(), "what does not unpack is empty");
        return ReadOutcome::Refused;
    };
    let (digest, size) = (Digest::of(&content), content.len() as u64);
    assert_eq!(ours(digest, size).ok(), Some(content));
    assert!(ours(digest, size + 1).is_err() && size.checked_sub(1).is_none_or(|less| ours(digest, less).is_err()));
    assert!(ours(Digest::of(b"something else"), size).is_err());
    ReadOutcome::Accepted
}

/// What the libraries make of it, unless it is a bomb: a few bytes can unpack to more than is good for a fuzzer.
fn library(input: &[u8], encoding: Encoding) -> io::Result<Vec<u8>> {
    let content: Box<dyn Read> = match encoding {
        Encoding::Gzip => Box::new(MultiGzDecoder::new(input)),
        Encoding::Zstd => {
            let mut decoder = zstd::Decoder::new(input)?;
            decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    };
    let mut bytes = Vec::new();
    content.take(CONTENT_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CONTENT_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn seeds() -> Vec<Vec<u8>> {
    let encodings = [Encoding::Gzip, Encoding::Zstd];
    let each = encodings.iter().flat_map(|encoding| {
        let once = compressed(&layer("hello"), *encoding);
        let twice = [once.as_slice(), &once].concat();
        [once, twice, compressed(b"", *encoding)]
    });
    each.collect()
}
