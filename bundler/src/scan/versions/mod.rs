//! The order of versions, by the rules of each kind of package.

mod apk;
mod digits;
mod pep440;

use crate::debian_version;
use crate::packages::PackageKind;
use std::cmp::Ordering;

/// The order of two versions; none where one of them is no version by these rules.
pub(super) fn compare(kind: PackageKind, a: &str, b: &str) -> Option<Ordering> {
    match kind {
        PackageKind::Deb => Some(debian_version::compare(a, b)),
        PackageKind::Apk => apk::compare(a, b),
        PackageKind::Pypi => pep440::compare(a, b),
        PackageKind::Npm | PackageKind::Golang | PackageKind::Cargo => semantic(a, b),
    }
}

/// Semantic versions, also with a `v` before them and with numbers left out, as Go and old packages of npm have them.
fn semantic(a: &str, b: &str) -> Option<Ordering> {
    let parse = |text: &str| {
        let text = text.trim_start_matches('v');
        let (numbers, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
        let missing = 2_usize.saturating_sub(numbers.matches('.').count());
        format!("{numbers}{}{rest}", ".0".repeat(missing)).parse::<semver::Version>().ok()
    };
    Some(parse(a)?.cmp_precedence(&parse(b)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use PackageKind::{Apk, Deb, Golang, Npm, Pypi};

    #[test]
    fn versions_are_ordered_as_their_package_managers_order_them() {
        for (kind, rising) in [
            // deb-version(7)
            (
                Deb,
                &[
                    "1.0~rc1",
                    "1.0",
                    "1.0-1",
                    "1.0-1+b1",
                    "1.0-1.1",
                    "1.0-2",
                    "1.0-10",
                    "1.0a",
                    "1.0+dfsg-1",
                    "1.1",
                    "1:0.1",
                ][..],
            ),
            (Deb, &["2.36-9+deb12u3", "2.36-9+deb12u4", "2.36-9+deb12u10"]),
            (Deb, &["0", "0.0.0~~1", "0.0.0~1", "0.0.0"]),
            // apk-tools, test/version.data
            (
                Apk,
                &[
                    "1.2.3_alpha",
                    "1.2.3_beta2",
                    "1.2.3_pre1",
                    "1.2.3_rc1",
                    "1.2.3",
                    "1.2.3-r1",
                    "1.2.3-r10",
                    "1.2.3_p1",
                    "1.2.3a",
                    "1.2.10",
                ],
            ),
            (Apk, &["0.1_p1", "0.1a", "0.1.1", "0.2"]),
            (Apk, &["1.01", "1.1", "1.2"]),
            (Npm, &["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0", "2"]),
            (Golang, &["v0.0.0-20200101000000-abcdef123456", "v0.0.0-20210101000000-abcdef123456", "v0.1", "v1.0.0"]),
            // PEP 440, "Summary of permitted suffixes and relative ordering"
            (
                Pypi,
                &[
                    "1.0.dev1",
                    "1.0a1.dev1",
                    "1.0a1",
                    "1.0b2",
                    "1.0rc1",
                    "1.0",
                    "1.0+local",
                    "1.0.post1.dev1",
                    "1.0.post1",
                    "1.0.1",
                    "1.1",
                    "1!0.1",
                ],
            ),
        ] {
            for (at, [low, high]) in rising.array_windows().enumerate() {
                assert_eq!(compare(kind, low, high), Some(Ordering::Less), "{kind:?} {at}: {low} {high}");
                assert_eq!(compare(kind, high, low), Some(Ordering::Greater), "{kind:?} {at}: {high} {low}");
                assert_eq!(compare(kind, low, low), Some(Ordering::Equal), "{low}");
            }
        }
        for (kind, a, b) in [
            (Deb, "0:1.0", "1.0"),
            (Deb, "1.00", "1.0"),
            (Npm, "1.0.0+a", "1.0.0+b"),
            (Pypi, "1.0", "1"),
            (Pypi, "1.0-1", "1.0.post1"),
            (Pypi, "1.0ALPHA1", "v1.0a1"),
            (Pypi, "1.0.c1", "1.0rc1"),
        ] {
            assert_eq!(compare(kind, a, b), Some(Ordering::Equal), "{a} {b}");
        }
        for (kind, wrong) in
            [(Npm, "latest"), (Npm, ""), (Pypi, "x"), (Pypi, "1.0 x"), (Apk, "x"), (Apk, "1_x"), (Apk, "")]
        {
            assert_eq!(compare(kind, wrong, "1.0"), None, "{wrong}");
        }
    }
}
