//! What all documents have in common.

use super::image_packages::{ImagePackages, Seen};
use super::licences::licences;
use landfall_manifests::Digest;
use landfall_manifests::sbom::{
    Bom, Component, Composition, Evidence, Metadata, Occurrence, Property, Supplier, Tools,
};

/// Places of a package that are told: more of them say no more.
const OCCURRENCES: usize = 16;

/// Components of packages, in the order of their package URLs.
pub(super) fn of_packages(packages: &ImagePackages<'_>) -> Vec<Component> {
    packages.packages.iter().map(|(purl, seen)| component(purl, seen)).collect()
}

fn component(purl: &str, Seen { package, paths }: &Seen<'_>) -> Component {
    let occurrences = paths.iter().take(OCCURRENCES).map(|path| Occurrence { location: (*path).to_owned() });
    Component {
        kind: "library".to_owned(),
        bom_ref: Some(purl.to_owned()),
        supplier: package.supplier.as_deref().map(|name| Supplier { name: name.to_owned() }),
        name: package.name.to_string(),
        version: package.version.as_deref().map(str::to_owned),
        licenses: licences(package.licence.as_deref()),
        purl: Some(purl.to_owned()),
        evidence: Some(Evidence { occurrences: occurrences.collect() }),
        ..Component::default()
    }
}

/// A document about `subject`, which consists of `components`.
pub(super) fn document(
    created: Option<&str>,
    subject: Component,
    components: Vec<Component>,
    aggregate: &str,
    properties: Vec<Property>,
) -> Bom {
    let writer = Component {
        kind: "application".to_owned(),
        name: "landfall-bundler".to_owned(),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..Component::default()
    };
    let assemblies = subject.bom_ref.iter().cloned().collect();
    let metadata = Metadata {
        timestamp: created.map(str::to_owned),
        tools: Some(Tools { components: vec![writer] }),
        component: Some(subject),
        properties,
    };
    let mut bom = Bom {
        bom_format: "CycloneDX".to_owned(),
        spec_version: "1.6".to_owned(),
        serial_number: None,
        version: 1,
        metadata,
        components,
        compositions: vec![Composition { aggregate: aggregate.to_owned(), assemblies }],
    };
    bom.serial_number = Some(format!("urn:uuid:{}", uuid(&Digest::of(&bom.to_json()))));
    bom
}

/// A UUID that follows from a digest (RFC 9562, version 8): another document has another one, and the same always the same.
fn uuid(digest: &Digest) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.to_bytes()[..16]);
    bytes[6] = 0x80 | bytes[6] & 0x0f;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    let hex = Digest::from_bytes(std::array::from_fn(|at| bytes[at % 16])).hex();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

pub(super) fn property(name: &str, value: impl Into<String>) -> Property {
    Property { name: format!("landfall:{name}"), value: value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documents_number_follows_from_what_it_says() {
        assert_eq!(uuid(&Digest::from_bytes([0xff; 32])), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        let number = |name: &str| {
            let subject = Component { name: name.to_owned(), ..Component::default() };
            document(None, subject, Vec::new(), "unknown", Vec::new()).serial_number
        };
        assert_eq!(number("a"), number("a"));
        assert_ne!(number("a"), number("b"));
    }
}
