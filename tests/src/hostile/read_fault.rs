use super::Reads;
use std::ops::Range;
use std::sync::Arc;

/// What a stick does to whoever reads a file.
#[derive(Debug, Clone, Default)]
pub enum ReadFault {
    /// Nothing.
    #[default]
    None,
    /// The byte at this offset comes back with one bit changed.
    Rots(u64),
    /// Bytes that were read before come from this other file.
    ChangesOnceRead(Arc<[u8]>),
    /// From the call with this number on, counted from 0, all comes from this other file.
    ChangesAtCall(usize, Arc<[u8]>),
    /// No byte from this offset on can be read (EIO).
    FailsFrom(u64),
    /// No read that touches these bytes succeeds (EIO).
    BadSectors(Range<u64>),
    /// The call with this number, counted from 0, and all later ones fail (EIO): the stick is pulled out.
    FailsAtCall(usize),
    /// The file never ends: behind its end it begins again.
    Endless,
    /// The file ends at this offset, from the call with this number on.
    Shrinks {
        /// In bytes.
        to: u64,
        /// Counted from 0.
        at_call: usize,
    },
}

/// How a read is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Bytes(Vec<u8>),
    /// EIO.
    Failure,
}

impl ReadFault {
    /// The answer to the next read of `range`, where `honest` gives what lies there, and `before` was read so far.
    pub(super) fn answer(&self, range: Range<u64>, before: &Reads, honest: impl Fn(Range<u64>) -> Vec<u8>) -> Answer {
        let Range { start, end } = range.clone();
        Answer::Bytes(match self {
            Self::Rots(at) => {
                let mut bytes = honest(range);
                let index = at.checked_sub(start).and_then(|index| usize::try_from(index).ok());
                if let Some(byte) = index.and_then(|index| bytes.get_mut(index)) {
                    *byte ^= 1;
                }
                bytes
            }
            Self::ChangesOnceRead(other) => {
                let mut bytes = honest(range);
                // What the reader is given, not what it asked for: at the end of the file that is less.
                let given = start..start + bytes.len() as u64;
                for again in before.within(&given) {
                    let changed = within(other, again.clone());
                    let place = usize::try_from(again.start - start).unwrap_or_default();
                    bytes[place..place + changed.len()].copy_from_slice(changed);
                }
                bytes
            }
            Self::ChangesAtCall(call, other) if before.calls() >= *call => within(other, range).to_vec(),
            Self::FailsFrom(at) if end > *at => return Answer::Failure,
            Self::BadSectors(bad) if start < bad.end && end > bad.start => return Answer::Failure,
            Self::FailsAtCall(call) if before.calls() >= *call => return Answer::Failure,
            Self::Endless => {
                let bytes = honest(range.clone());
                if bytes.is_empty() { honest(0..end - start) } else { bytes }
            }
            Self::Shrinks { to, at_call } if before.calls() >= *at_call => honest(start..end.min(*to).max(start)),
            Self::None
            | Self::ChangesAtCall(..)
            | Self::FailsFrom(_)
            | Self::BadSectors(_)
            | Self::FailsAtCall(_)
            | Self::Shrinks { .. } => honest(range),
        })
    }

    /// The size that is reported for the file after so many reads, in bytes.
    pub(super) fn size(&self, honest: u64, calls: usize) -> u64 {
        match self {
            // The largest size that off_t holds.
            Self::Endless => i64::MAX.unsigned_abs(),
            Self::Shrinks { to, at_call } if calls >= *at_call => honest.min(*to),
            _ => honest,
        }
    }
}

fn within(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    &bytes[place(range.start)..place(range.end)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reads of the file `0123456789` give, one after the other; `-` for a failure.
    fn given(fault: &ReadFault, ranges: &[Range<u64>]) -> Vec<String> {
        let mut reads = Reads::default();
        let answers = ranges.iter().map(|range| {
            let answer = fault.answer(range.clone(), &reads, |range| within(b"0123456789", range).to_vec());
            reads.add(range.clone());
            match answer {
                Answer::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Answer::Failure => "-".to_owned(),
            }
        });
        answers.collect()
    }

    #[test]
    fn each_read_fault_answers_as_documented() {
        let other: Arc<[u8]> = (*b"abcdefghij").into();
        for (fault, expected) in [
            (ReadFault::None, ["0123", "2345", "89", ""]),
            (ReadFault::Rots(3), ["0122", "2245", "89", ""]),
            (ReadFault::ChangesOnceRead(Arc::clone(&other)), ["0123", "cd45", "89", ""]),
            (ReadFault::ChangesAtCall(1, other), ["0123", "cdef", "ij", ""]),
            (ReadFault::FailsFrom(5), ["0123", "-", "-", "-"]),
            (ReadFault::BadSectors(5..8), ["0123", "-", "89", ""]),
            (ReadFault::FailsAtCall(2), ["0123", "2345", "-", "-"]),
            (ReadFault::Endless, ["0123", "2345", "89", "01234"]),
            (ReadFault::Shrinks { to: 5, at_call: 1 }, ["0123", "234", "", ""]),
        ] {
            assert_eq!(given(&fault, &[0..4, 2..6, 8..12, 10..15]), expected, "{fault:?}");
        }
    }
}
