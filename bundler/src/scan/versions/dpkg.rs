use super::digits;
use std::cmp::Ordering;

/// The order of two versions of Debian packages (deb-version(7), "Sorting algorithm").
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let split = |text: &str| -> (u64, String, String) {
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch.parse().unwrap_or(0), upstream.to_owned(), revision.to_owned())
    };
    let (a, b) = (split(a), split(b));
    a.0.cmp(&b.0).then_with(|| part(&a.1, &b.1)).then_with(|| part(&a.2, &b.2))
}

/// Parts are compared by turns: what is no number, then a number.
fn part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = a.split_at(a.iter().position(u8::is_ascii_digit).unwrap_or(a.len()));
        let (text_b, rest_b) = b.split_at(b.iter().position(u8::is_ascii_digit).unwrap_or(b.len()));
        for at in 0..text_a.len().max(text_b.len()) {
            let order = rank(text_a.get(at)).cmp(&rank(text_b.get(at)));
            if order != Ordering::Equal {
                return order;
            }
        }
        let number = |rest: &[u8]| rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let ((number_a, next_a), (number_b, next_b)) =
            (rest_a.split_at(number(rest_a)), rest_b.split_at(number(rest_b)));
        let order = digits::compare(number_a, number_b);
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
    Ordering::Equal
}

/// `~` comes before the end, that before letters, and these before all else.
fn rank(byte: Option<&u8>) -> (u8, u8) {
    match byte {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(letter) if letter.is_ascii_alphabetic() => (2, *letter),
        Some(other) => (3, *other),
    }
}
