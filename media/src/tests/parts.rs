use super::*;

#[test]
fn a_part_that_is_too_short_is_named() {
    let medium = Medium::new();
    for (number, part) in (1..).zip(medium.bytes.chunks(100_000)) {
        let held = if number == 3 { 10 } else { part.len() };
        medium.put(&part_name("cut", number), &part[..held]);
    }
    let (media, bundle) = medium.open("cut", None).unwrap();
    let damage = verify(&media, &bundle, &Progress::hidden()).remove(0);
    assert_eq!(damage.range(), Some(200_010..200_011));
    let place = media.located(Some(&bundle), damage).to_string();
    assert!(place.contains("cut.part003, offset 10 (offset 200010 of the bundle)"), "{place}");
}

#[test]
fn a_folder_with_the_name_of_a_part_hides_no_part_and_is_damage_where_there_is_no_other() {
    let medium = Medium::new();
    let elsewhere = medium.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    for (number, part) in (1..).zip(medium.bytes.chunks(100_000)) {
        medium.put(&part_name("cut", number), part);
    }
    let [second, third] = [2, 3].map(|number| part_name("cut", number));
    for name in [&second, &third] {
        std::fs::rename(medium.folder.path().join(name), elsewhere.join(name)).unwrap();
    }
    std::fs::create_dir(medium.folder.path().join(&second)).unwrap();
    std::os::unix::fs::symlink(&third, medium.folder.path().join(&third)).unwrap();
    let file = medium.folder.path().join("cut");
    let found = |folders: Vec<PathBuf>| {
        let mut media =
            Media::open(&BundleLocation { file: file.clone(), folders, patch: None }, Box::new(Unattended)).unwrap();
        let bundle = media.head().unwrap().verify(&medium.trusted()).unwrap();
        let bundle = media.bind_manifest(bundle, &medium.trusted()).unwrap();
        verify(&media, &bundle, &Progress::hidden())
    };
    assert!(found(vec![elsewhere]).is_empty(), "the parts are in the other folder");
    let damage = found(Vec::new());
    assert!(
        matches!(&damage[0], ReadError::Source { source, .. }
        if matches!(media_error(source), Some(MediaError::PartNotAFile(_)))),
        "{}",
        damage[0]
    );
}

#[test]
fn a_part_whose_name_is_not_utf_8_is_to_be_renamed() {
    use std::os::unix::ffi::OsStrExt as _;
    let medium = Medium::new();
    let file = medium.folder.path().join(std::ffi::OsStr::from_bytes(b"b\xfcndel.part001"));
    std::fs::write(&file, &medium.bytes).unwrap();
    let error =
        Media::open(&BundleLocation { file, folders: Vec::new(), patch: None }, Box::new(Unattended)).unwrap_err();
    assert!(matches!(error, MediaError::PartName(_)), "{error}");
}

#[test]
fn parts_of_all_sizes_are_one_stream() {
    let medium = Medium::new();
    let len = medium.bytes.len();
    for size in [len.div_ceil(999), 511, 512, 513, 1024, 5000, len / 2, len - 1, len] {
        let name = format!("of-{size}");
        for (number, part) in (1..).zip(medium.bytes.chunks(size)) {
            medium.put(&part_name(&name, number), part);
        }
        let (media, bundle) = medium.open(&name, None).unwrap();
        assert!(media.is_complete());
        for start in [0, 1, size - 1, size, size + 1, len - 1, len, len + 1] {
            let mut read = Vec::new();
            media.at(start as u64).read_to_end(&mut read).unwrap();
            assert_eq!(read, medium.bytes[start.min(len)..], "{size} from {start}");
        }
        assert_eq!(damage(&media, &bundle), Vec::<String>::new(), "{size}");
    }
}

#[test]
fn parts_that_shrink_or_grow_while_they_are_read_are_damage() {
    for now in [0, 10, 99_999, 100_001] {
        let medium = Medium::new();
        for (number, part) in (1..).zip(medium.bytes.chunks(100_000)) {
            medium.put(&part_name("cut", number), part);
        }
        let (media, bundle) = medium.open("cut", None).unwrap();
        let mut across = media.at(199_999);
        across.read_exact(&mut [0]).unwrap();
        let second = medium.folder.path().join(part_name("cut", 2));
        std::fs::File::options().write(true).open(&second).unwrap().set_len(now).unwrap();
        assert!(across.read(&mut [0]).is_err(), "{now}: noticed when the part is left");
        let found = damage(&media, &bundle);
        assert!(!found.is_empty(), "{now}: noticed when the part is opened again");
    }
}
