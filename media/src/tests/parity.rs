use super::*;
use crate::{ParityEncoder, UnverifiedBundle};
use landfall_manifests::parity::Geometry;
use std::ops::Range;

/// Writes the parity file of the bundle `name`, under the name `parity`.
fn protect(medium: &Medium, name: &str, parity: &str, percent: u32) -> Geometry {
    let opened = UnverifiedBundle::open(&medium.folder.path().join(name), &[]).unwrap();
    let signed = opened.head().clone().into_signed_without_verifying().unwrap();
    let mut encoder = ParityEncoder::new(&signed, percent).unwrap();
    let geometry = encoder.geometry();
    opened.copy_to(&signed, encoder.recording(std::io::sink()), &Progress::hidden()).unwrap();
    let mut bytes = Vec::new();
    encoder.write(&opened, &mut bytes, &Progress::hidden()).unwrap();
    assert_eq!(bytes.len() as u64, geometry.file_bytes());
    medium.put(parity, &bytes);
    geometry
}

/// The bytes of these blocks.
fn blocks(geometry: &Geometry, first: u64, count: u64) -> Range<u64> {
    let last = (first + count).min(geometry.blocks()) - 1;
    let (begin, end) = (geometry.place_of(first).0, geometry.place_of(last));
    begin..end.0 + end.1 as u64
}

/// The bundle, with a range of it changed.
fn rotten(medium: &Medium, name: &str, range: Range<u64>) {
    let mut bytes = medium.bytes.clone();
    bytes[at(range.start)..at(range.end)].iter_mut().for_each(|byte| *byte ^= 0x55);
    medium.put(name, &bytes);
}

/// What is recovered of `name`, which must be whole then.
fn recovered(medium: &Medium, name: &str) -> Vec<Range<u64>> {
    let (media, bundle) = medium.open(name, None).unwrap();
    assert_eq!(damage(&media, &bundle), Vec::<String>::new());
    let mut read = Vec::new();
    media.at(0).read_to_end(&mut read).unwrap();
    assert!(read == medium.bytes);
    let report = media.recovery_report();
    assert_eq!(media.unused_parity(), None);
    report
        .map(|report| report.places.iter().map(|place| place.offset..place.offset + place.bytes).collect())
        .unwrap_or_default()
}

#[test]
fn rot_is_recovered_wherever_it_is_up_to_the_parity_and_not_one_block_beyond() {
    let medium = Medium::new();
    let geometry = protect(&medium, "bundle", "bundle.parity", 5);
    assert_eq!(recovered(&medium, "bundle"), Vec::<Range<u64>>::new());
    let most = geometry.recovery_blocks();
    assert!(most >= 3, "{geometry:?}");
    for count in 1..=most {
        for first in 0..geometry.blocks() {
            let range = blocks(&geometry, first, count);
            rotten(&medium, "bundle", range.clone());
            assert_eq!(recovered(&medium, "bundle"), [range], "{count} blocks from {first}");
        }
    }
    let range = blocks(&geometry, 20, most + 1);
    rotten(&medium, "bundle", range.clone());
    let (media, bundle) = medium.open("bundle", None).unwrap();
    let error = verify(&media, &bundle, &Progress::hidden()).remove(0);
    let place = media.located(Some(&bundle), error).to_string();
    let expected = format!("bundle.parity does not help: {} blocks are lost together, of which {most} can", most + 1);
    assert!(place.contains(&expected), "{place}");
    assert_eq!(media.recovery_report(), None);
}

#[test]
fn a_bundle_that_ends_early_and_a_part_that_is_gone_are_recovered() {
    let medium = Medium::new();
    protect(&medium, "bundle", "bundle.parity", 20);
    let size = medium.bytes.len();
    for left in [size - 1, size - 1024, size - 5000, size - size / 6] {
        medium.put("bundle", &medium.bytes[..left]);
        let places = recovered(&medium, "bundle");
        assert!(places.len() == 1 && places[0].end == size as u64, "{left}: {places:?}");
    }
    std::fs::rename(medium.folder.path().join("bundle.parity"), medium.folder.path().join("cut.parity")).unwrap();
    let parts: Vec<&[u8]> = medium.bytes.chunks(size / 6).collect();
    for gone in 1..=parts.len() {
        for (number, part) in (1..).zip(&parts) {
            let path = medium.put(&part_name("cut", number), part);
            if usize::try_from(number).unwrap() == gone {
                std::fs::remove_file(path).unwrap();
            }
        }
        let (media, bundle) = medium.open("cut", None).unwrap();
        assert_eq!(damage(&media, &bundle), Vec::<String>::new(), "without part {gone}");
        let report = media.recovery_report().unwrap();
        assert!(report.bytes() >= parts[gone - 1].len() as u64, "{report}");
        // The bundler reads it as well, and makes a whole copy of it.
        let opened = UnverifiedBundle::open(&medium.folder.path().join("cut"), &[]).unwrap();
        let checked = opened.verify_head(&medium.trusted()).unwrap();
        opened.check(&checked, &Progress::hidden()).unwrap();
        let signed = opened.head().clone().into_signed_without_verifying().unwrap();
        assert!(opened.copy_to(&signed, Vec::new(), &Progress::hidden()).unwrap() == medium.bytes);
    }
}

#[test]
fn a_parity_file_that_rots_itself_recovers_what_is_left_of_it() {
    let medium = Medium::new();
    let geometry = protect(&medium, "bundle", "bundle.parity", 20);
    let whole = std::fs::read(medium.folder.path().join("bundle.parity")).unwrap();
    let first = at(geometry.recovery_offset(0, 0));
    let half = geometry.recovery_blocks() / 2;
    rotten(&medium, "bundle", blocks(&geometry, 5, half));
    // Its beginning, its end, and as much of the recovery blocks as are not needed.
    let spare = at(geometry.recovery_offset(0, geometry.recovery_blocks() - half));
    for range in [0..first, whole.len() - 8192..whole.len(), first..spare, 0..spare] {
        let mut bytes = whole.clone();
        bytes[range.clone()].fill(0x33);
        medium.put("bundle.parity", &bytes);
        assert_eq!(recovered(&medium, "bundle"), [blocks(&geometry, 5, half)], "{range:?}");
        medium.put("bundle.parity", &whole[..whole.len() - 3 * 4096]);
        assert_eq!(recovered(&medium, "bundle").len(), 1, "an end that is missing");
    }
    let mut bytes = whole.clone();
    bytes[first..spare + 4096].fill(0x33);
    medium.put("bundle.parity", &bytes);
    let (media, bundle) = medium.open("bundle", None).unwrap();
    assert_eq!(damage(&media, &bundle).len(), 1, "one recovery block too few");
}

#[test]
fn a_parity_file_is_found_in_parts_and_in_other_folders() {
    let medium = Medium::new();
    let geometry = protect(&medium, "bundle", "bundle.parity", 5);
    let (folder, elsewhere) = (medium.folder.path(), medium.folder.path().join("elsewhere"));
    std::fs::create_dir(&elsewhere).unwrap();
    let parity = std::fs::read(folder.join("bundle.parity")).unwrap();
    std::fs::remove_file(folder.join("bundle.parity")).unwrap();
    for (number, part) in (1..).zip(parity.chunks(10_000)) {
        let name = part_name("bundle.parity", number);
        medium.put(&if number % 2 == 0 { format!("elsewhere/{name}") } else { name }, part);
    }
    rotten(&medium, "bundle", blocks(&geometry, 3, 1));
    let open = |folders: &[PathBuf]| {
        let location = BundleLocation { file: folder.join("bundle"), folders: folders.to_vec(), patch: None };
        let media = Media::open(&location, Box::new(Unattended)).unwrap();
        media.head().map(|head| (head.verify(&medium.trusted()).is_ok(), media.recovery_report()))
    };
    let (is_whole, report) = open(&[elsewhere]).unwrap();
    assert!(is_whole, "{report:?}");
    let _ = open(&[]);
}

#[test]
fn the_parity_of_another_build_is_told_and_changes_nothing() {
    let medium = Medium::new();
    protect(&medium, "bundle", "bundle.parity", 50);
    // Another build that differs in its manifest alone, and is as long.
    let mut changed = medium.signed.release().clone();
    changed.created = Some("2026-01-01T00:00:00Z".to_owned());
    let other = Signed::new(changed.clone(), std::slice::from_ref(&medium.key)).unwrap();
    medium.put("other", &pack(&other, &medium.blobs, &[0, 1, 2]));
    protect(&medium, "other", "other.parity", 50);
    changed.created = Some("2026-02-02T00:00:00Z".to_owned());
    let third = pack(&Signed::new(changed, std::slice::from_ref(&medium.key)).unwrap(), &medium.blobs, &[0, 1, 2]);
    medium.put("other", &third);
    let (media, bundle) = medium.open("other", None).unwrap();
    assert_eq!(bundle.release().created.as_deref(), Some("2026-02-02T00:00:00Z"), "the build that is there");
    assert_eq!(damage(&media, &bundle), Vec::<String>::new());
    let unused = media.unused_parity().unwrap();
    assert!(unused.ends_with("other.parity is not used: it is for another bundle"), "{unused}");
}

#[test]
fn what_is_no_parity_file_is_told_and_changes_nothing() {
    let medium = Medium::new();
    let parity = medium.folder.path().join("bundle.parity");
    let elsewhere = medium.put("elsewhere", b"x");
    let make: [(&str, &dyn Fn()); 5] = [
        ("not a regular file", &|| std::fs::create_dir(&parity).unwrap()),
        ("not a regular file", &|| std::os::unix::fs::symlink(&elsewhere, &parity).unwrap()),
        ("not a regular file", &|| {
            rustix::fs::mknodat(rustix::fs::CWD, &parity, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        }),
        ("no parity file", &|| std::fs::write(&parity, "").unwrap()),
        ("no parity file", &|| std::fs::write(&parity, vec![0; 100_000]).unwrap()),
    ];
    for (expected, make) in make {
        make();
        let (media, bundle) = medium.open("bundle", None).unwrap();
        assert_eq!(damage(&media, &bundle), Vec::<String>::new());
        let unused = media.unused_parity().unwrap();
        assert!(unused.contains(expected), "{unused}");
        std::fs::remove_file(&parity).or_else(|_| std::fs::remove_dir(&parity)).unwrap();
    }
}

#[test]
fn a_patch_and_a_parity_file_help_together() {
    let medium = Medium::new();
    let geometry = protect(&medium, "bundle", "bundle.parity", 5);
    medium.put("patch", &pack(&medium.signed, &medium.blobs, &[1]));
    let (_, bundle) = medium.open("bundle", None).unwrap();
    let large = &bundle.entries()[4];
    // More of the blob than can be recovered, and some of the head.
    let mut bytes = medium.bytes.clone();
    bytes[at(large.content_offset())..at(large.content_offset() + large.size)].fill(0x11);
    bytes[600] ^= 1;
    medium.put("bundle", &bytes);
    let (media, bundle) = medium.open("bundle", Some("patch")).unwrap();
    assert_eq!(damage(&media, &bundle), Vec::<String>::new());
    assert!(geometry.recovery_blocks() < 70);
}
