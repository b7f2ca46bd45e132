//! A manifest that contradicts itself is refused, whoever signed it.

use landfall_keys::{RootChanges, RootLink, SecretKey, TrustRoot, TrustedKeys};
use landfall_manifests::{
    Base, BaseRelease, Blob, Database, Difference, Digest, Encoding, Package, Problem, Release, ReleaseError, limits,
};

fn problems(change: impl FnOnce(&mut Release)) -> Vec<Problem> {
    let key = SecretKey::generate().unwrap();
    let mut release = crate::fixture::release(&key);
    change(&mut release);
    match release.check() {
        Err(ReleaseError::Problems(problems)) => problems,
        Err(other) => panic!("{other}"),
        Ok(()) => Vec::new(),
    }
}

#[test]
fn requires_listed_and_used_blobs_to_be_the_same_set() {
    let stray = Digest::of(b"stray");
    assert_eq!(problems(|_| ()), []);
    assert_eq!(problems(|r| r.blobs.push(Blob { digest: stray, size: 1 })), [Problem::BlobUnused(stray)]);
    let twice = problems(|r| r.blobs.push(r.blobs[0].clone()));
    assert!(matches!(twice[..], [Problem::BlobTwice(_)]));
    let missing = problems(|r| r.blobs.retain(|blob| blob.size != 700));
    assert!(matches!(&missing[..], [Problem::BlobMissing { of, .. }] if of == "image hello"));
}

fn delta(omitted: Vec<Digest>) -> Base {
    let version = "1.3.0".parse().unwrap();
    Base { manifest: Digest::of(b"1.3.0"), version, others: Vec::new(), omitted, differences: Vec::new() }
}

#[test]
fn a_delta_leaves_out_listed_blobs_and_each_once() {
    let stray = Digest::of(b"stray");
    let with = |omit: &dyn Fn(&Release) -> Vec<Digest>| problems(|r| r.base = Some(delta(omit(r))));
    assert_eq!(with(&|_| Vec::new()), []);
    assert_eq!(with(&|r| r.blobs.iter().map(|blob| blob.digest).collect()), []);
    assert_eq!(with(&|_| vec![stray]), [Problem::OmittedUnlisted(stray)]);
    assert!(matches!(with(&|r| vec![r.blobs[0].digest; 2])[..], [Problem::Twice(_)]));
    // All of its blobs stay listed.
    let unlisted = problems(|r| {
        r.base = Some(delta(vec![r.blobs[0].digest]));
        r.blobs.remove(0);
    });
    assert!(unlisted.iter().any(|problem| matches!(problem, Problem::BlobMissing { .. })), "{unlisted:?}");
    let others = |count: u8| {
        let other = |n: u8| BaseRelease { manifest: Digest::of(&[n]), version: "1.0.0".parse().unwrap() };
        problems(|r| r.base = Some(Base { others: (0..count).map(other).collect(), ..delta(Vec::new()) }))
    };
    assert_eq!(others(15), []);
    assert!(matches!(others(16)[..], [Problem::Limit(..)]));
    let itself = BaseRelease { manifest: Digest::of(b"1.3.0"), version: "1.0.0".parse().unwrap() };
    let twice = problems(|r| r.base = Some(Base { others: vec![itself], ..delta(Vec::new()) }));
    assert!(matches!(twice[..], [Problem::Twice(_)]));
}

#[test]
fn a_delta_makes_contents_of_listed_blobs_by_blobs_of_its_own() {
    let key = SecretKey::generate().unwrap();
    let release = crate::fixture::release(&key);
    let content = release.files[0].content();
    let own = Difference { blob: content.blob, from: content, delta: Digest::of(b"delta"), size: 5 };
    let with = |differences: Vec<Difference>, omitted: Vec<Digest>| {
        problems(|r| r.base = Some(Base { differences, ..delta(omitted) }))
    };
    assert_eq!(with(vec![own.clone()], Vec::new()), []);
    assert!(matches!(with(vec![own.clone(); 2], Vec::new())[..], [Problem::Twice(_), Problem::Twice(_)]));
    assert!(matches!(with(vec![own.clone()], vec![content.blob])[..], [Problem::Twice(_)]));
    let config = Difference { blob: release.images[0].config, ..own.clone() };
    assert!(matches!(with(vec![config], Vec::new())[..], [Problem::NoContent(_)]));
    let listed = Difference { delta: release.blobs[1].digest, ..own.clone() };
    assert!(matches!(with(vec![listed], Vec::new())[..], [Problem::Twice(_)]));
    let huge = Difference { size: u64::MAX, ..own };
    assert!(matches!(with(vec![huge], Vec::new())[..], [Problem::Limit(..)]));
}

#[test]
fn a_delta_holds_what_it_does_not_leave_out_and_nothing_else() {
    let key = SecretKey::generate().unwrap();
    let mut release = crate::fixture::release(&key);
    let full = crate::fixture::bundle(release.clone(), std::slice::from_ref(&key));
    let omitted: Vec<Digest> = release.blobs.iter().map(|blob| blob.digest).skip(2).collect();
    release.base = Some(delta(omitted));
    let bytes = crate::fixture::bundle(release.clone(), std::slice::from_ref(&key));
    let contents = crate::fixture::read(&bytes, &crate::fixture::trusted(&key)).unwrap();
    assert_eq!(contents.len(), release.layout.len() + 2);
    assert_eq!(contents[release.layout.len()..], crate::fixture::blobs()[..2]);
    // With a blob more than it should have.
    let head = bytes.len() - 1024;
    let mut more = bytes[..head].to_vec();
    more.extend_from_slice(&full[full.len() - 1024 - 512..]);
    assert!(crate::fixture::read(&more, &crate::fixture::trusted(&key)).is_err());
    assert!(release.is_same_release(&crate::fixture::release(&key)));
}

#[test]
fn packages_are_part_of_the_closed_world() {
    let package = |name: &str, blob: Digest| Package {
        system: "debian 12".parse().unwrap(),
        name: name.parse().unwrap(),
        version: "1.0-1".parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        digest: Digest::of(name.as_bytes()),
        size: 1,
        installed: 2,
        blob,
        encoding: Encoding::Zstd,
    };
    let stray = Digest::of(b"stray");
    let listed = |r: &mut Release| r.blobs.push(Blob { digest: stray, size: 1 });
    let one = problems(|r| {
        listed(r);
        r.packages.push(package("runc", stray));
    });
    assert_eq!(one, []);
    let missing = problems(|r| r.packages.push(package("runc", stray)));
    assert!(matches!(&missing[..], [Problem::BlobMissing { of, .. }] if of == "package runc for debian 12"));
    let twice = problems(|r| {
        listed(r);
        r.packages = vec![package("runc", stray); 2];
    });
    assert_eq!(twice, [Problem::Twice("package runc for debian 12".to_owned())]);
    let other_system = problems(|r| {
        listed(r);
        r.packages = vec![package("runc", stray); 2];
        r.packages[1].system = "debian 13".parse().unwrap();
    });
    assert_eq!(other_system, []);
    let many = problems(|r| {
        listed(r);
        r.packages = (0..=limits::PACKAGES).map(|number| package(&format!("p{number}"), stray)).collect();
    });
    assert!(matches!(many[..], [Problem::Limit(..)]));
    let large = problems(|r| {
        listed(r);
        r.packages.push(Package { installed: u64::MAX, ..package("runc", stray) });
    });
    assert!(matches!(large[..], [Problem::Limit(..)]));
}

#[test]
fn refuses_names_and_paths_that_are_used_twice() {
    assert!(matches!(problems(|r| r.files.push(r.files[0].clone()))[..], [Problem::Twice(_)]));
    assert!(matches!(problems(|r| r.images.push(r.images[0].clone()))[0], Problem::Twice(_)));
    let under = problems(|r| {
        let mut file = r.files[0].clone();
        file.path = "docs".parse().unwrap();
        r.files.push(file);
    });
    assert_eq!(under, [Problem::FileAndFolder("docs".to_owned())]);
    for name in ["landfall.json.x", ".landfall.json.x"] {
        let reserved = problems(|r| r.files[0].path = name.parse().unwrap());
        assert!(matches!(reserved[..], [Problem::Reserved(_)]), "{name}");
    }
}

#[test]
fn knows_its_schema_platform_layout_keys_and_limits() {
    assert_eq!(problems(|r| r.schema = 2), [Problem::Schema(2)]);
    assert!(matches!(problems(|r| r.images[0].platform = "linux/arm64".to_owned())[..], [Problem::Platform(..)]));
    assert!(matches!(problems(|r| r.images[0].media_type = "text/plain".to_owned())[..], [Problem::MediaType(..)]));
    assert!(matches!(problems(|r| r.layout[1].size += 1)[..], [Problem::Layout]));
    assert!(matches!(problems(|r| r.layout.truncate(1))[..], [Problem::Layout]));
    assert!(matches!(problems(|r| r.keys.push("RWx".to_owned()))[..], [Problem::Key(_)]));
    assert!(matches!(problems(|r| r.blobs[3].size = u64::MAX)[..], [Problem::Limit(..)]));
    assert!(matches!(problems(|r| r.images[0].source = "x".repeat(2000))[..], [Problem::Limit(..)]));
}

#[test]
fn holds_the_chain_of_trust_roots_to_successors_and_a_number() {
    let key = SecretKey::generate().unwrap();
    let first = TrustRoot::first(vec![key.public_key()], 1).unwrap();
    let second = SecretKey::generate().unwrap().public_key();
    let next = first.next(&RootChanges { add: vec![second], ..RootChanges::default() });
    let link = RootLink::new(&next.unwrap(), &[]);
    assert_eq!(problems(|r| r.trust = vec![link.clone(); 256]), []);
    assert!(matches!(problems(|r| r.trust = vec![link.clone(); 257])[..], [Problem::Limit(..)]));
    let first = RootLink::new(&first, &[]);
    assert_eq!(problems(|r| r.trust = vec![first.clone(), link.clone()]), []);
    assert_eq!(problems(|r| r.trust = vec![link.clone(), first]), [Problem::Link(2)]);
    let text = |text: &str| RootLink::from_texts(text.to_owned(), Vec::new());
    assert_eq!(problems(|r| r.trust = vec![text("{}"), text("")]), [Problem::Link(1), Problem::Link(2)]);
}

#[test]
fn refuses_sizes_that_overflow() {
    for size in [u64::MAX, u64::MAX - 511, 1 << 63, (1 << 50) + 1] {
        let limit = |problems: Vec<Problem>| assert!(matches!(problems[..], [Problem::Limit(..)]), "{size}");
        limit(problems(|r| r.blobs[3].size = size));
        limit(problems(|r| r.files[0].size = size));
        limit(problems(|r| r.images[0].layers[0].size = size));
    }
    // Two halves that are nothing together, were they added up with a carry that is lost.
    let halves = problems(|r| [3, 4].iter().for_each(|at| r.blobs[*at].size = 1 << 63));
    assert!(matches!(halves[..], [Problem::Limit(..)]));
}

#[test]
fn a_database_has_a_schema_and_no_way_back_that_leads_forward() {
    for (schema, reversible_to, sound) in
        [(1, 1, true), (2, 1, true), (2, 2, true), (0, 0, false), (1, 0, false), (1, 2, false)]
    {
        let found = problems(|r| r.database = Some(Database { schema, reversible_to }));
        let expected = if sound { vec![] } else { vec![Problem::Database { schema, reversible_to }] };
        assert_eq!(found, expected, "{schema}, {reversible_to}");
    }
    let key = SecretKey::generate().unwrap();
    let mut release = crate::fixture::release(&key);
    assert!(!String::from_utf8(release.to_json()).unwrap().contains("database"));
    release.database = Some(Database { schema: 2, reversible_to: 1 });
    let json: serde_json::Value = serde_json::from_slice(&release.to_json()).unwrap();
    assert_eq!(json["database"], serde_json::json!({ "schema": 2, "reversibleTo": 1 }));
}

#[test]
fn refuses_fields_that_it_does_not_know_or_that_stand_there_twice() {
    let key = SecretKey::generate().unwrap();
    let trusted = TrustedKeys::new(vec![key.public_key()], 1).unwrap();
    let json = String::from_utf8(crate::fixture::release(&key).to_json()).unwrap();
    let parse = |text: String| {
        let signature = key.sign(text.as_bytes(), "").unwrap();
        Release::from_verified(trusted.verify(text.into_bytes(), &[signature]).unwrap())
    };
    assert_eq!(*parse(json.clone()).unwrap().get(), crate::fixture::release(&key));
    for (from, to) in [
        ("\"schema\": 1", "\"schema\": 1, \"extra\": 1"),
        ("\"schema\": 1", "\"schema\": 1, \"schema\": 1"),
        ("\"serial\": 12", "\"serial\": 0"),
        ("\"serial\": 12", "\"serial\": 9007199254740992"),
        ("docs/readme", "../readme"),
        ("\"0644\"", "\"4755\""),
        ("\"product\": \"acme\"", "\"product\": \"../acme\""),
    ] {
        assert!(json.contains(from), "{from}");
        assert!(matches!(parse(json.replacen(from, to, 1)), Err(ReleaseError::Json(_))), "{to}");
    }
}
