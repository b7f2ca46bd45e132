//! Bills of materials, which other tools may have written, beside an advisory of a database.

use crate::{ReadOutcome, Target, none, texts};
use landfall_bundler::readers::advisory;
use landfall_manifests::sbom::{Bom, PackageChanges};

/// What is written says what was read, and nothing changes from a document to itself.
pub(crate) const TARGET: Target = Target { name: "sbom", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Some([document, known]) = texts(input).and_then(|texts| <[&str; 2]>::try_from(texts).ok()) else {
        return ReadOutcome::Refused;
    };
    let bom = Bom::read(document.as_bytes());
    if let Ok(bom) = &bom {
        assert_eq!(Bom::read(&*bom.to_json()).ok().as_ref(), Some(bom));
        assert!(PackageChanges::between(bom, bom).is_empty());
    }
    ReadOutcome::from(bom.map_err(drop).and_then(|_| advisory(document.as_bytes(), known.as_bytes()).map_err(drop)))
}

fn seeds() -> Vec<Vec<u8>> {
    let component = |purl: &str| format!(r#"{{"type": "library", "name": "a", "version": "1.0", "purl": "{purl}"}}"#);
    let document = |purl: &str| {
        format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}}"#, component(purl))
    };
    let known = |ecosystem: &str, events: &str| {
        format!(
            r#"{{"id": "X-1", "severity": [{{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"}}],
            "affected": [{{"package": {{"ecosystem": "{ecosystem}", "name": "a"}}, "versions": ["1.0"],
            "ranges": [{{"type": "ECOSYSTEM", "events": [{events}]}}]}}]}}"#
        )
    };
    let fixed = r#"{"introduced": "0"}, {"fixed": "1.2~rc1-3"}"#;
    let last = r#"{"introduced": "1.0a1"}, {"last_affected": "1.0.post2.dev1"}"#;
    [
        ("pkg:deb/debian/a@1.0?arch=amd64&distro=debian-12&upstream=a%401.0", "Debian:12", fixed),
        (
            "pkg:apk/alpine/a@1.0_rc1-r2?distro=alpine-3.19.1",
            "Alpine:v3.19",
            r#"{"introduced": "0"}, {"fixed": "1.0_p1-r3"}"#,
        ),
        ("pkg:npm/a@1.0", "npm", r#"{"introduced": "0"}, {"fixed": "1.2.0-rc.1"}"#),
        ("pkg:pypi/a@1!1.0.dev1+local", "PyPI", last),
    ]
    .into_iter()
    .map(|(purl, ecosystem, events)| format!("{}\n----\n{}", document(purl), known(ecosystem, events)).into_bytes())
    .collect()
}
