//! The index of a Debian mirror. It is signed, and yet as large and as odd as its maker likes.

use crate::{ReadOutcome, Target, none};
use landfall_bundler::readers::packages_of_index;
use std::collections::BTreeSet;

/// What is chosen has each package once, and the one that was asked for among them.
pub(crate) const TARGET: Target = Target { name: "package_index", read, seeds, findings: none, mutate: None };

const ASKED: &str = "docker.io";

fn read(input: &[u8]) -> ReadOutcome {
    let found = packages_of_index(input, ASKED);
    if let Ok(names) = &found {
        let distinct: BTreeSet<&String> = names.iter().collect();
        assert!(distinct.len() == names.len() && names.iter().any(|name| name == ASKED), "{names:?}");
    }
    ReadOutcome::from(found)
}

fn seeds() -> Vec<Vec<u8>> {
    let package =
        |name: &str, more: &str| format!("Package: {name}\nVersion: 1:2.0~rc1-1+b2\nArchitecture: amd64\n{more}\n");
    let circle = [
        package(ASKED, "Pre-Depends: init\nDepends: runc (>= 1.0) | crun,\n libc6, mail (= 3)\n"),
        package("runc", "Depends: docker.io\nBreaks: docker.io (<< 1)\n"),
        package("libc6", "Essential: yes\n"),
        package("init", "Priority: required\n"),
        package("postfix", "Provides: mail (= 3), other\nConflicts: mail\n"),
    ];
    [package(ASKED, ""), circle.join("\n")].map(String::into_bytes).to_vec()
}
