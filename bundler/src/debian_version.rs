//! The order of versions of Debian packages (Debian Policy, 5.6.12).

use std::cmp::Ordering;

/// Compares two versions as dpkg does: by epoch, then upstream's version, then Debian's revision.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let ((epoch, rest), (other_epoch, other_rest)) = (epoch(one), epoch(other));
    let ((upstream, revision), (other_upstream, other_revision)) = (revision(rest), revision(other_rest));
    // Numbers of any length: as digits, so that none is too large.
    compare_part(epoch, other_epoch)
        .then_with(|| compare_part(upstream, other_upstream))
        .then_with(|| compare_part(revision, other_revision))
}

fn epoch(version: &str) -> (&str, &str) {
    version.split_once(':').unwrap_or(("0", version))
}

/// A version without a revision has the revision 0.
fn revision(version: &str) -> (&str, &str) {
    version.rsplit_once('-').unwrap_or((version, "0"))
}

/// Alternately what is no digit, by [`rank`], and what is, by its value.
fn compare_part(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let ((text, rest), (other_text, other_rest)) = (text(one), text(other));
        let ordering = compare_text(text, other_text);
        if ordering.is_ne() {
            return ordering;
        }
        let ((number, rest), (other_number, other_rest)) = (number(rest), number(other_rest));
        let ordering = number.len().cmp(&other_number.len()).then_with(|| number.cmp(other_number));
        if ordering.is_ne() {
            return ordering;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

fn text(version: &str) -> (&str, &str) {
    version.split_at(version.find(|byte: char| byte.is_ascii_digit()).unwrap_or(version.len()))
}

/// The digits in front, without zeros before them.
fn number(version: &str) -> (&str, &str) {
    let end = version.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(version.len());
    let (digits, rest) = version.split_at(end);
    (digits.trim_start_matches('0'), rest)
}

fn compare_text(one: &str, other: &str) -> Ordering {
    let longest = one.len().max(other.len());
    let rank_at = |text: &str, index: usize| text.as_bytes().get(index).map_or(0, |byte| rank(*byte));
    let mut pairs = (0..longest).map(|index| rank_at(one, index).cmp(&rank_at(other, index)));
    pairs.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// A tilde sorts before the end, which is 0; letters sort before all else.
fn rank(byte: u8) -> i16 {
    match byte {
        b'~' => -1,
        letter if letter.is_ascii_alphabetic() => i16::from(letter),
        other => i16::from(other) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_policy_says() {
        // Each is lower than the next.
        let rising = [
            // The example of Debian Policy, 5.6.12.
            &["~~", "~~a", "~", "", "a"][..],
            &["1.0~beta1~svn1245", "1.0~beta1", "1.0", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0+dfsg-1", "1.0.1"],
            &["0.9", "0.10", "1:0.1", "2:0.0.1"],
            &["20.10.24+dfsg1-1+b3", "20.10.24+dfsg1-1+deb12u1", "20.10.24+dfsg1-1+deb12u1+b6", "26.1.5+dfsg1-9"],
            &["1.1.5+ds1-1+deb12u1", "1.1.5+ds1-1+deb12u1+b1"],
            &["1", "1a", "1a1", "1b", "1+", "1.", "18446744073709551615", "18446744073709551616"],
            &["1-1", "1-1-1"],
            &["1~rc1-1", "1-1~bpo12+1", "1-1"],
        ];
        for versions in rising {
            for (index, one) in versions.iter().enumerate() {
                for (other_index, other) in versions.iter().enumerate() {
                    assert_eq!(compare(one, other), index.cmp(&other_index), "{one} {other}");
                }
            }
        }
        for (one, other) in [("1", "0:1"), ("1", "1-0"), ("1.0", "1.00"), ("01", "1"), ("1-", "1")] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }
}
