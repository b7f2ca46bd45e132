use super::digits;
use std::cmp::Ordering;

/// A version of Alpine's packages: `NUMBER{.NUMBER}[LETTER]{_SUFFIX[NUMBER]}[-rREVISION]` (Alpine's wiki, "APKBUILD Reference").
struct Version<'a> {
    numbers: Vec<&'a [u8]>,
    letter: Option<u8>,
    suffixes: Vec<(i8, &'a [u8])>,
    revision: &'a [u8],
}

/// Before and after a version without any.
const SUFFIXES: [(&str, i8); 9] =
    [("alpha", -4), ("beta", -3), ("pre", -2), ("rc", -1), ("cvs", 1), ("svn", 2), ("git", 3), ("hg", 4), ("p", 5)];

/// The order of two versions (apk-tools, src/version.c).
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Version::parse(a)?, Version::parse(b)?);
    for at in 0..a.numbers.len().max(b.numbers.len()) {
        let order = match (a.numbers.get(at), b.numbers.get(at)) {
            (Some(a), Some(b)) if at > 0 && (a[0] == b'0' || b[0] == b'0') => a.cmp(b),
            (Some(a), Some(b)) => digits::compare(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    let suffix = |version: &Version<'_>, at: usize| version.suffixes.get(at).map_or(0, |(rank, _)| *rank);
    let mut order = a.letter.cmp(&b.letter);
    for at in 0..a.suffixes.len().max(b.suffixes.len()) {
        let number =
            |version: &Version<'_>| version.suffixes.get(at).map(|(_, digits)| digits.to_vec()).unwrap_or_default();
        order = order.then_with(|| suffix(&a, at).cmp(&suffix(&b, at)));
        order = order.then_with(|| digits::compare(&number(&a), &number(&b)));
    }
    Some(order.then_with(|| digits::compare(a.revision, b.revision)))
}

impl<'a> Version<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (text, revision) = match text.rsplit_once("-r") {
            Some((text, revision)) if is_number(revision) => (text, revision),
            _ => (text, ""),
        };
        let mut parts = text.split('_');
        let numbers = parts.next()?;
        let letter = numbers.bytes().next_back().filter(u8::is_ascii_lowercase);
        let numbers = numbers.strip_suffix(|last: char| last.is_ascii_lowercase()).unwrap_or(numbers);
        let numbers = numbers.split('.').map(|number| is_number(number).then_some(number.as_bytes()));
        let suffixes = parts.map(|part| {
            let name = part.trim_end_matches(|last: char| last.is_ascii_digit());
            let (_, rank) = SUFFIXES.iter().find(|(known, _)| *known == name)?;
            Some((*rank, &part.as_bytes()[name.len()..]))
        });
        Some(Self {
            numbers: numbers.collect::<Option<_>>()?,
            letter,
            suffixes: suffixes.collect::<Option<_>>()?,
            revision: revision.as_bytes(),
        })
    }
}
