//! What packages say of their licences, in CycloneDX's terms.

use landfall_manifests::sbom::{License, LicenseChoice};

/// Identifiers of SPDX (spdx.org/licenses) that most packages have. Others are told by their name, which needs no list.
const IDS: [&str; 44] = [
    "0BSD",
    "AFL-2.1",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "EPL-2.0",
    "GPL-1.0-or-later",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ICU",
    "ISC",
    "LGPL-2.0-or-later",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "MS-PL",
    "OFL-1.1",
    "OpenSSL",
    "PSF-2.0",
    "PostgreSQL",
    "Python-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Vim",
    "WTFPL",
    "X11",
    "Zlib",
    "curl",
];

/// The licence of a package that says this of it.
pub(super) fn licences(said: Option<&str>) -> Vec<LicenseChoice> {
    let Some(said) = said else { return Vec::new() };
    let choice = if IDS.contains(&said) {
        LicenseChoice::License { license: License { id: Some(said.to_owned()), name: None } }
    } else if is_expression(said) {
        LicenseChoice::Expression { expression: said.to_owned() }
    } else {
        LicenseChoice::License { license: License { id: None, name: Some(said.to_owned()) } }
    };
    vec![choice]
}

/// Whether a text is an expression of known identifiers: these, and words between them (SPDX specification, annex D).
fn is_expression(said: &str) -> bool {
    let (mut wants_licence, mut depth) = (true, 0_u32);
    for word in said.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
        match word {
            "(" if wants_licence => depth += 1,
            ")" if !wants_licence && depth > 0 => depth -= 1,
            "AND" | "OR" if !wants_licence => wants_licence = true,
            id if wants_licence && IDS.contains(&id) => wants_licence = false,
            _ => return false,
        }
    }
    !wants_licence && depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_expressions_are_told_as_such_and_all_else_as_a_name() {
        for (said, expected) in [
            ("MIT", r#"{"license":{"id":"MIT"}}"#),
            ("(MIT OR Apache-2.0)", r#"{"expression":"(MIT OR Apache-2.0)"}"#),
            ("GPL-2.0-only AND (MIT OR ISC)", r#"{"expression":"GPL-2.0-only AND (MIT OR ISC)"}"#),
            ("BSD", r#"{"license":{"name":"BSD"}}"#),
            ("MIT AND custom", r#"{"license":{"name":"MIT AND custom"}}"#),
            ("MIT OR", r#"{"license":{"name":"MIT OR"}}"#),
            ("(MIT", r#"{"license":{"name":"(MIT"}}"#),
            ("MIT ISC", r#"{"license":{"name":"MIT ISC"}}"#),
        ] {
            let found =
                licences(Some(said)).iter().map(|choice| serde_json::json!(choice).to_string()).collect::<String>();
            assert_eq!(found, expected);
        }
        assert!(licences(None).is_empty() && IDS.is_sorted());
    }
}
