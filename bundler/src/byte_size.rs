//! Sizes as people type them.

/// Units and their bytes: binary ones (IEC 80000-13), and decimal ones, by which media are sold.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// A number of bytes above 0: a whole number and a unit, such as `4GiB` or `700MB`; without a unit, bytes.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size: write a whole number and a unit, such as 4GiB, 650MiB or 700MB");
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit = text[digits.len()..].trim_start();
    let factor = match unit {
        "" => 1,
        _ => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1,
    };
    // `parse` alone would take a sign.
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = is_number.then(|| digits.parse().ok()).flatten().ok_or_else(wrong)?;
    number.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_as_people_type_them() {
        for (text, expected) in [
            ("1", Some(1)),
            ("4GiB", Some(4 << 30)),
            ("650 MiB", Some(650 << 20)),
            ("700MB", Some(700_000_000)),
            ("16kB", Some(16_000)),
            ("9B", Some(9)),
            ("16777215TiB", Some(16_777_215 << 40)),
            ("16777216TiB", None),
            ("0", None),
            ("0GiB", None),
            ("", None),
            ("GiB", None),
            ("-1", None),
            ("+1", None),
            ("1.5GiB", None),
            ("4gib", None),
            ("4 G", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }
}
