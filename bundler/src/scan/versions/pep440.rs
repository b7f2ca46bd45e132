use std::cmp::Ordering;

/// What decides between versions, in this order (PEP 440).
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    epoch: u64,
    /// Without zeros at its end.
    release: Vec<u64>,
    pre: Pre,
    post: Option<u64>,
    /// A development release comes before what it is one of.
    dev: Dev,
    local: Vec<Local>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    /// A development release of the release itself.
    Development,
    Alpha(u64),
    Beta(u64),
    Candidate(u64),
    Final,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Number(u64),
    None,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Text(String),
    Number(u64),
}

/// The order of two versions of Python's packages.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(key(a)?.cmp(&key(b)?))
}

fn key(text: &str) -> Option<Key> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let (text, local) = text.split_once('+').unwrap_or((text, ""));
    let (epoch, text) = match text.split_once('!') {
        Some((epoch, rest)) => (epoch.parse().ok()?, rest),
        None => (0, text),
    };
    let end = text.find(|part: char| !part.is_ascii_digit() && part != '.').unwrap_or(text.len());
    // A dot may stand between the numbers and what follows.
    let (numbers, mut rest) = (text[..end].trim_end_matches('.'), &text[end..]);
    let mut release = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    let (mut pre, mut post, mut dev) = (None, None, None);
    while !rest.is_empty() {
        // `-N` is a short form of `.postN`.
        let word = rest.trim_start_matches(['.', '-', '_']);
        let letters = word.find(|part: char| !part.is_ascii_alphabetic()).unwrap_or(word.len());
        let (name, after) = word.split_at(letters);
        let number = after.trim_start_matches(['.', '-', '_']);
        let digits = number.find(|part: char| !part.is_ascii_digit()).unwrap_or(number.len());
        let (value, next) = if digits > 0 { (number[..digits].parse().ok()?, &number[digits..]) } else { (0, after) };
        match name {
            "a" | "alpha" => pre = Some(Pre::Alpha(value)),
            "b" | "beta" => pre = Some(Pre::Beta(value)),
            "c" | "rc" | "pre" | "preview" => pre = Some(Pre::Candidate(value)),
            "post" | "rev" | "r" => post = Some(value),
            "dev" => dev = Some(value),
            "" if rest.starts_with('-') && digits > 0 => post = Some(value),
            _ => return None,
        }
        rest = next;
    }
    let local = local.split(['.', '-', '_']).filter(|part| !part.is_empty());
    let pre = match (pre, post, dev) {
        (Some(pre), ..) => pre,
        (None, None, Some(_)) => Pre::Development,
        _ => Pre::Final,
    };
    Some(Key {
        epoch,
        release,
        pre,
        post,
        dev: dev.map_or(Dev::None, Dev::Number),
        local: local.map(|part| part.parse().map_or_else(|_| Local::Text(part.to_owned()), Local::Number)).collect(),
    })
}
