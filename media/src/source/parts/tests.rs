use super::*;
use crate::source::prompt::Unattended;

#[test]
fn readers_of_one_part_share_it_and_the_last_one_closes_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (first, file) = (folder.path().join("b.part001"), folder.path().join("b"));
    std::fs::write(&first, b"part")?;
    let mut parts = Parts::find(&file, &[], Box::new(Unattended))?.unwrap();
    parts.set_total(4);
    let (mut one, mut other, mut buffer) = (None, None, [0; 4]);
    parts.read_at(&mut one, &mut buffer, 0, Absent::IsAskedFor)?;
    std::fs::remove_file(&first)?;
    assert_eq!((parts.read_at(&mut other, &mut buffer, 1, Absent::IsAskedFor)?, &buffer[..3]), (3, &b"art"[..]));
    drop((one, other));
    assert!(parts.read_at(&mut None, &mut buffer, 0, Absent::IsAskedFor).is_err(), "it is still open");
    Ok(())
}

#[test]
fn any_part_and_the_name_without_its_number_lead_to_all_parts() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("more")).unwrap();
    for name in ["b.part001", "more/b.part002", "b.part003", "more/b.part003", "c.part002"] {
        std::fs::write(at(name), "x").unwrap();
    }
    for name in ["b", "b.part001", "b.part003", "b.part002"] {
        let parts = Parts::find(&at(name), &[at("more")], Box::new(Unattended)).unwrap().unwrap();
        assert_eq!(parts.path(), at("b"), "{name}");
        assert_eq!(parts.files(), ["b.part001", "more/b.part002", "b.part003"].map(at), "{name}");
    }
    assert!(Parts::find(&at("none"), &[at("more")], Box::new(Unattended)).unwrap().is_none());
}

#[test]
fn sizes_show_which_part_is_missing_cut_off_or_too_many() {
    for (sizes, expected) in [
        (&[4, 4, 2][..], "fits"),
        (&[3, 7], "fits"),
        (&[4, 4], "b.part003 is missing"),
        (&[4], "b.part002 is missing"),
        (&[4, 3, 2], "b.part002 has 3 bytes, and should have 4"),
        (&[3, 4, 2], "b.part001 has 3 bytes, and should have 4"),
        (&[4, 4, 1], "b.part003 has 1 bytes, and should have 2"),
        (&[4, 4, 3], "b.part003 has 3 bytes, and should have 2"),
        (&[4, 3], "b.part002 has 3 bytes, and should have 4"),
        (&[4, 4, 2, 4], "b.part004 is there, but b.part003 is the last part"),
        (&[4, 4, 4], "b.part003 has 4 bytes, and should have 2"),
        (&[12], "b.part001 has 12 bytes, and should have 10"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (number, size) in (1..).zip(sizes) {
            std::fs::write(folder.path().join(part_name("b", number)), vec![0; *size]).unwrap();
        }
        let parts = Parts::find(&folder.path().join("b"), &[], Box::new(Unattended)).unwrap().unwrap();
        let found = parts.check_sizes(10).map_or_else(|error| error.to_string(), |()| "fits".to_owned());
        assert!(found.contains(expected), "{sizes:?}: {found}");
    }
}

#[test]
fn a_part_that_is_missing_in_between_is_named_with_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("more")).unwrap();
    for name in ["b.part001", "b.part003", "c.part002", "more/d.part002", "d.part001"] {
        std::fs::write(at(name), "x").unwrap();
    }
    let looked_in = format!("looked in {}, {}", folder.path().display(), at("more").display());
    let missing = |number: u32| format!("b.part00{number} is missing: {looked_in}");
    for (name, expected) in [
        ("b", missing(2)),
        ("b.part001", missing(2)),
        ("b.part004", missing(2)),
        ("c", missing(1).replace("b.part", "c.part")),
        ("d", String::new()),
        ("d.part003", missing(3).replace("b.part", "d.part")),
    ] {
        let parts = Parts::find(&at(name), &[at("more")], Box::new(Unattended)).unwrap().unwrap();
        let found = parts.check_gaps().map_or_else(|error| error.to_string(), |()| String::new());
        assert_eq!(found, expected, "{name}");
    }
}
