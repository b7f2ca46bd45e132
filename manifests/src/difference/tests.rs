use super::*;
use crate::Digest;
use std::io;

const BASE: &[u8] = b"the content of the last release, of which most is the same in the next one";

fn at(offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    let rest = BASE.get(usize::try_from(offset).unwrap()..).and_then(|rest| rest.get(..buffer.len()));
    buffer.copy_from_slice(rest.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

fn packed(content: &[u8], prefix: &[u8]) -> Vec<u8> {
    let mut compressor = zstd::zstd_safe::CCtx::create();
    compressor.ref_prefix(prefix).unwrap();
    let mut packed = Vec::with_capacity(content.len() + 1000);
    compressor.compress2(&mut packed, content).unwrap();
    packed
}

fn difference(content: &[u8], extents: Vec<Extent>, packed: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_header(&mut bytes, content.len() as u64, BASE.len() as u64).unwrap();
    Segment { size: u32::try_from(content.len()).unwrap(), extents, packed }.write(&mut bytes).unwrap();
    bytes
}

fn made(difference: &[u8], content: &[u8]) -> Result<Vec<u8>, DifferenceError> {
    let mut out = Vec::new();
    let (base, size) = (BASE.len() as u64, content.len() as u64);
    apply(&mut &*difference, base, at, Digest::of(content), size, &mut out).map(|()| out)
}

fn extent(offset: u64, size: u32) -> Extent {
    Extent { offset, size }
}

#[test]
fn makes_content_from_parts_of_the_base_alone_or_with_what_is_new() {
    let moved = [&BASE[40..], &BASE[..20]].concat();
    let extents = vec![extent(40, u32::try_from(BASE.len() - 40).unwrap()), extent(0, 20)];
    assert_eq!(made(&difference(&moved, extents.clone(), None), &moved).unwrap(), moved);
    let new = [&moved[..], b" and something new"].concat();
    assert_eq!(made(&difference(&new, extents, Some(packed(&new, &moved))), &new).unwrap(), new);
    assert_eq!(made(&difference(&new, Vec::new(), Some(packed(&new, &[]))), &new).unwrap(), new);
}

#[test]
fn refuses_what_would_read_or_make_more_than_it_may() {
    let content = &BASE[..20];
    let whole = u32::try_from(BASE.len()).unwrap();
    let good = difference(content, vec![extent(0, 20)], None);
    assert_eq!(made(&good, content).unwrap(), content);
    let more = [&good[..], b"x"].concat();
    let bad = [
        ("outside", difference(content, vec![extent(60, 20)], None)),
        ("outside", difference(content, vec![extent(u64::MAX, 20)], None)),
        ("outside", difference(content, vec![extent(0, 0), extent(0, 20)], None)),
        ("another size", difference(content, vec![extent(0, 19)], None)),
        ("does not decompress", difference(content, vec![extent(0, whole)], Some(b"no frame".to_vec()))),
        ("does not decompress", difference(content, Vec::new(), Some(packed(&BASE[..21], &[])))),
        ("does not decompress", difference(content, Vec::new(), Some(packed(&BASE[..19], &[])))),
        ("larger than any", difference(content, vec![extent(0, 1); EXTENTS + 1], None)),
        ("goes on", more),
        ("does not begin", difference(&BASE[..21], vec![extent(0, 21)], None)),
    ];
    for (expected, difference) in bad {
        let error = made(&difference, content).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let other = difference(content, vec![extent(1, 20)], None);
    assert!(matches!(made(&other, content), Err(DifferenceError::Digest { .. })));
    for length in 0..good.len() {
        assert!(made(&good[..length], content).is_err(), "{length}");
    }
}
