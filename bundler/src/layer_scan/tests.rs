#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use tar::{Builder, EntryType, Header};

/// Type, name and content, and the pax records before it.
type TestEntry<'a> = (EntryType, &'a str, &'a [u8], &'a [(&'a str, &'a [u8])]);

fn archive(entries: &[TestEntry<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, content, records) in entries {
        builder.append_pax_extensions(records.iter().copied()).unwrap();
        let mut header = Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_mtime(u64::from(!name.ends_with("untimed.pyc")));
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The facts of an archive that comes in pieces of `piece` bytes.
fn facts(archive: &[u8], piece: usize) -> LayerFacts {
    let mut scan = LayerScan::default();
    archive.chunks(piece).for_each(|piece| scan.update(piece));
    scan.finish()
}

#[test]
fn finds_what_hosts_stumble_over_in_pieces_of_any_size() {
    let long = format!("{}/x", "d".repeat(120));
    let archive = archive(&[
        (EntryType::Directory, "etc/", b"", &[]),
        (EntryType::Regular, "./etc/passwd", b"root:x:0:0::/:/bin/sh\nnode:x:1000:1000:::\n\n", &[]),
        (EntryType::Regular, "usr/bin/ping", &[7; 1000], &[("SCHILY.xattr.security.capability", b"\0\n=\xff")]),
        (
            EntryType::Regular,
            "GNUSparseFile.1/core",
            b"1\n0\n",
            &[("GNU.sparse.major", b"1"), ("GNU.sparse.name", b"var/core"), ("GNU.sparse.realsize", b"9000000000")],
        ),
        (EntryType::Regular, &long, b"x", &[("SCHILY.xattr.user.any", b"")]),
        (EntryType::Regular, "lib/timed.pyc", b"1", &[]),
        (EntryType::Regular, "lib/untimed.pyc", b"1", &[]),
        (EntryType::Regular, "last", &[1; 513], &[("SCHILY.xattr.security.capability", b"1")]),
    ]);
    let expected = LayerFacts {
        not_tar: false,
        long_name: None,
        gnu_sparse: None,
        pax_sparse: vec!["var/core".to_owned()],
        capable: ["usr/bin/ping", "last"].map(|path| CapableFile { path: path.to_owned(), needed: u64::MAX }).into(),
        untimed_python: vec!["lib/untimed.pyc".to_owned()],
        users: Users::Named(vec!["root".to_owned(), "node".to_owned()]),
        entries: facts(&archive, archive.len()).entries,
        links: Links::default(),
        findings: Findings::default(),
    };
    for (path, kind) in [("etc", EntryKind::Folder), ("var/core", EntryKind::File), (&long, EntryKind::File)] {
        assert_eq!(expected.entries.at(path), Some(kind), "{path}");
    }
    for piece in [1, 7, 511, 512, 513, 4096, archive.len()] {
        assert_eq!(facts(&archive, piece), expected, "pieces of {piece}");
    }
}

#[test]
fn knows_gnus_sparse_entries_and_what_happens_to_the_users() {
    let sparse =
        archive(&[(EntryType::GNUSparse, "var/core", b"", &[]), (EntryType::Regular, "etc/passwd", b"a:", &[])]);
    let found = facts(&sparse, 512);
    assert_eq!((found.gnu_sparse.as_deref(), found.users), (Some("var/core"), Users::Untouched));
    for (kind, name, expected) in [
        (EntryType::Regular, "etc/.wh.passwd", Users::Removed),
        (EntryType::Regular, "etc/.wh..wh..opq", Users::Removed),
        (EntryType::Symlink, "etc/passwd", Users::Unknown),
        (EntryType::Regular, "etc/passwd-", Users::Untouched),
    ] {
        assert_eq!(facts(&archive(&[(kind, name, b"", &[])]), 512).users, expected, "{name}");
    }
}

#[test]
fn knows_where_links_near_the_root_lead() {
    let mut builder = Builder::new(Vec::new());
    let long = format!("usr/{}", "l".repeat(120));
    for (name, target) in
        [("bin", "usr/bin"), ("./var/run/", "/run"), ("usr/lib/a", "b"), ("lib", &long), ("bin", "sbin")]
    {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, name, target).unwrap();
    }
    builder.append_pax_extensions([("linkpath", "run/lock".as_bytes())]).unwrap();
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "lock", "other").unwrap();
    let links = facts(&builder.into_inner().unwrap(), 100).links;
    for (path, target) in [
        ("bin", Some("sbin")),
        ("var/run", Some("/run")),
        ("usr/lib/a", None),
        ("lib", Some(long.as_str())),
        ("lock", Some("run/lock")),
    ] {
        assert_eq!(links.at(path), target, "{path}");
    }
}

#[test]
fn tells_what_is_no_archive_and_names_that_no_file_system_takes() {
    let empty = Builder::new(Vec::new()).into_inner().unwrap();
    for (content, not_tar) in
        [(&b""[..], false), (&empty, false), (b"text", true), (&[b'x'; 600], true), (&[0; 100], true)]
    {
        for piece in [1, 512, 1024] {
            assert_eq!(facts(content, piece).not_tar, not_tar, "{content:?}");
        }
    }
    for (name, is_long) in [("d".repeat(255), false), ("d".repeat(256), true), ("\u{e9}".repeat(128), true)] {
        let path = format!("a/{name}/b");
        let found = facts(&archive(&[(EntryType::Regular, &path, b"", &[])]), 512);
        assert_eq!(found.long_name, is_long.then_some(path));
    }
}

#[test]
fn whatever_comes_is_bounded_and_no_error() {
    let many = archive(&vec![(EntryType::Regular, "a.core", &b""[..], &[("GNU.sparse.map", &b"0"[..])][..]); 100]);
    assert_eq!(facts(&many, 512).pax_sparse.len(), PATHS);
    let mut state = 1_u64;
    for round in 0..2000_usize {
        let mut bytes = many[..4096].to_vec();
        for _ in 0..=round % 5 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap() % bytes.len();
            bytes[at] = state.to_be_bytes()[7];
        }
        facts(&bytes, 1 + round % 600);
        // A header whose sum is right, with whatever size and type.
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[124..157].copy_from_slice(&bytes[100..133]);
        header.set_cksum();
        facts(header.as_bytes(), 512);
    }
    let capable =
        archive(&vec![
            (EntryType::Regular, "a", &b""[..], &[("SCHILY.xattr.security.capability", &b"0"[..])][..]);
            100
        ]);
    assert_eq!(facts(&capable, 512).capable.len(), CAPABLE);
    assert_eq!(facts(&[], 1), LayerFacts::default());
}
