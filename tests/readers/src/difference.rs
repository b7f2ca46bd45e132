//! How a content is made from another one.

use crate::{ReadOutcome, Target, none};
use landfall_manifests::Digest;
use landfall_manifests::difference::{Extent, Segment, apply, write_header};

/// Whatever comes: it makes this content, or nothing; and no part of the base is read that is not there.
pub(crate) const TARGET: Target = Target { name: "difference", read, seeds, findings: none, mutate: None };

fn base() -> Vec<u8> {
    (0..100_000_u32).flat_map(|number| (number / 7).to_be_bytes()).collect()
}

fn content() -> Vec<u8> {
    [&base()[1_000..50_000], &base()[..500]].concat()
}

fn read(input: &[u8]) -> ReadOutcome {
    let (base, content) = (base(), content());
    let at = |offset: u64, buffer: &mut [u8]| {
        let from = usize::try_from(offset).expect("a place in the base");
        buffer.copy_from_slice(&base[from..from + buffer.len()]);
        Ok(())
    };
    let mut out = Vec::new();
    let size = content.len() as u64;
    let made = apply(&mut &*input, base.len() as u64, at, Digest::of(&content), size, &mut out);
    assert!(out.len() <= content.len());
    if made.is_ok() {
        assert_eq!(out, content);
    }
    ReadOutcome::from(made)
}

fn seeds() -> Vec<Vec<u8>> {
    let (base, content) = (base(), content());
    let size = u32::try_from(content.len()).expect("a small content");
    let extents = vec![Extent { offset: 1_000, size: 49_000 }, Extent { offset: 0, size: 500 }];
    let mut packed = Vec::with_capacity(content.len() * 2);
    let mut compressor = zstd::zstd_safe::CCtx::create();
    compressor.ref_prefix(&content).expect("a prefix");
    compressor.compress2(&mut packed, &content).expect("memory takes what it is given");
    let seed = |packed| {
        let mut bytes = Vec::new();
        write_header(&mut bytes, content.len() as u64, base.len() as u64).expect("memory takes what it is given");
        let segment = Segment { size, extents: extents.clone(), packed };
        segment.write(&mut bytes).expect("memory takes what it is given");
        bytes
    };
    vec![seed(None), seed(Some(packed.clone()))]
}
