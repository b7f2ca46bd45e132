//! `test_root_rotation`: versions that follow each other, by who is in them and who signed them.

use landfall_keys::{ChainError, RootLink, TrustRoot};

use crate::cast::{root, signed};

/// A version: the people in it, how many must sign, and who signed.
type Version = (&'static [usize], u32, &'static [usize]);

/// Which threshold the last version misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Misses {
    Nothing,
    Old,
    Own,
}

const CASES: [(&str, &[Version], Misses); 15] = [
    ("1-of-1-key-rotation", &[(&[1], 1, &[1]), (&[2], 1, &[2, 1]), (&[2], 1, &[2])], Misses::Nothing),
    (
        "1-of-1-key-rotation-unused-signatures",
        &[(&[1], 1, &[3, 1, 4]), (&[2], 1, &[3, 2, 1, 4]), (&[2], 1, &[3, 2, 4])],
        Misses::Nothing,
    ),
    (
        "3-of-5-sign-with-different-keycombos",
        &[
            (&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
            (&[0, 1, 2, 3, 4], 3, &[0, 4, 1]),
            (&[0, 1, 2, 3, 4], 3, &[0, 1, 3]),
            (&[0, 1, 2, 3, 4], 3, &[0, 1, 3]),
        ],
        Misses::Nothing,
    ),
    (
        "3-of-5-one-key-rotated",
        &[(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), (&[0, 1, 3, 4, 5], 3, &[0, 4, 1])],
        Misses::Nothing,
    ),
    (
        "3-of-5-one-key-rotated-with-intermediate-step",
        &[(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), (&[0, 1, 3, 4, 5], 3, &[0, 2, 4, 5]), (&[0, 1, 3, 4, 5], 3, &[0, 4, 5])],
        Misses::Nothing,
    ),
    (
        "3-of-5-all-keys-rotated-with-intermediate-step",
        &[
            (&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
            (&[5, 6, 7, 8, 9], 3, &[0, 2, 4, 5, 6, 7]),
            (&[5, 6, 7, 8, 9], 3, &[5, 6, 7]),
        ],
        Misses::Nothing,
    ),
    ("1-of-3-threshold-increase-to-2-of-3", &[(&[1, 2, 3], 1, &[1]), (&[1, 2, 3], 2, &[1, 2])], Misses::Nothing),
    (
        "2-of-3-threshold-decrease-to-1-of-3",
        &[(&[1, 2, 3], 2, &[1, 2]), (&[1, 2, 3], 1, &[1, 2]), (&[1, 2, 3], 1, &[1])],
        Misses::Nothing,
    ),
    ("1-of-2-threshold-increase-to-2-of-2", &[(&[1], 1, &[1]), (&[1, 2], 2, &[1, 2])], Misses::Nothing),
    ("1-of-1-key-rotation-fail-not-signed-with-old-key", &[(&[1], 1, &[1]), (&[2], 1, &[2, 3, 4])], Misses::Old),
    ("1-of-1-key-rotation-fail-not-signed-with-new-key", &[(&[1], 1, &[1]), (&[2], 1, &[1, 3, 4])], Misses::Own),
    (
        "3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys",
        &[(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), (&[0, 1, 3, 4, 5], 3, &[0, 2, 4])],
        Misses::Own,
    ),
    (
        "3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys",
        &[(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), (&[0, 1, 3, 4, 5], 3, &[0, 4, 5])],
        Misses::Old,
    ),
    (
        "1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached",
        &[(&[1, 2, 3], 1, &[1]), (&[1, 2, 3], 2, &[2])],
        Misses::Own,
    ),
    (
        "2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-reached",
        &[(&[1, 2, 3], 2, &[1, 2]), (&[1, 2, 3], 1, &[1])],
        Misses::Old,
    ),
];

/// The first root and the links of all versions, the first one's own included.
fn chain(versions: &[Version]) -> (Vec<TrustRoot>, Vec<RootLink>) {
    let numbered = (1..).zip(versions);
    numbered
        .map(|(version, (keys, threshold, signers))| {
            let root = root(version, *threshold, keys, &[]);
            let link = signed(&root, signers);
            (root, link)
        })
        .unzip()
}

#[test]
fn test_root_rotation() {
    for (case, versions, misses) in CASES {
        let (roots, links) = chain(versions);
        let (last, before) = (roots.last().unwrap(), &roots[roots.len() - 2]);
        let found = match roots[0].follow(&links) {
            Ok(newest) => {
                assert_eq!(&newest, last, "{case}");
                Misses::Nothing
            }
            Err(ChainError::OldKeys { version, .. }) if version == last.version() => Misses::Old,
            Err(ChainError::OwnKeys { version, .. }) if version == last.version() => Misses::Own,
            Err(error) => panic!("{case}: {error}"),
        };
        assert_eq!(found, misses, "{case}");
        let without_last = roots[0].follow(&links[..links.len() - 1]).unwrap();
        assert_eq!(&without_last, before, "{case}: all but the last version are good");
        assert_eq!(before.succeeded_by(links.last().unwrap()).is_ok(), misses == Misses::Nothing, "{case}");
    }
}
