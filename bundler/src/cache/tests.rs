#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::time::{Duration, SystemTime};

fn cache(folder: &tempfile::TempDir, most: u64) -> Cache {
    Cache(Some(Folder::open(folder.path().join("c"), most).unwrap()))
}

fn blob(content: &[u8]) -> Blob {
    Blob { digest: Digest::of(content), size: content.len() as u64 }
}

fn add(cache: &Cache, content: &[u8]) -> PathBuf {
    let copy = cache.copy().unwrap();
    assert!(content.chunks(7).all(|chunk| copy.append(chunk)));
    cache.keep(copy, &Digest::of(content));
    cache.blob(&blob(content)).unwrap()
}

#[test]
fn blobs_and_records_are_found_again_and_none_that_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder, 1 << 20);
    assert_eq!(cache.blob(&blob(b"content")), None);
    let path = add(&cache, b"content");
    assert_eq!(fs::read(&path).unwrap(), b"content");
    assert_eq!(cache.blob(&Blob { size: 8, ..blob(b"content") }), None, "another size");
    assert_eq!(cache.document(&Digest::of(b"content")), Some(b"content".to_vec()));

    let (content, stored) = (blob(b"layer"), blob(b"stored"));
    cache.note_compressed_layer("zstd", &content, &stored);
    assert_eq!(cache.compressed_layer("zstd", &content), Some(stored.clone()));
    assert_eq!(cache.compressed_layer("gzip", &content), None);
    assert_eq!(cache.compressed_layer("zstd", &Blob { size: 1, ..content.clone() }), None);
    let record = cache.0.as_ref().unwrap().path(Kind::Compressed, &record::compressed_layer_key("zstd", &content));
    let text = fs::read(&record).unwrap();
    for at in 0..text.len() {
        let mut damaged = text.clone();
        damaged[at] ^= 1;
        fs::write(&record, damaged).unwrap();
        assert_eq!(cache.compressed_layer("zstd", &content), None, "{at}");
        fs::write(&record, &text[..at]).unwrap();
        assert_eq!(cache.compressed_layer("zstd", &content), None, "cut off at {at}");
    }

    fs::write(path, b"CONTENT").unwrap();
    assert_eq!(cache.document(&Digest::of(b"content")), None);
    assert_eq!(cache.blob(&blob(b"content")), None, "what is damaged is removed");
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder, 25);
    let paths = [b"aaaaaaaaaa", b"bbbbbbbbbb", b"cccccccccc"].map(|content| add(&cache, content));
    let hour = |ago: u64| SystemTime::now() - Duration::from_hours(ago);
    for (path, ago) in paths.iter().zip([1, 3, 2]) {
        File::options().write(true).open(path).unwrap().set_modified(hour(ago)).unwrap();
    }
    cache.prune();
    assert_eq!(paths.clone().map(|path| path.exists()), [true, false, true]);
    // Used now.
    cache.blob(&blob(b"cccccccccc")).unwrap();
    add(&cache, b"dddddddddd");
    cache.prune();
    assert_eq!(paths.map(|path| path.exists()), [false, false, true]);
}

#[test]
fn what_is_not_whole_and_what_a_killed_build_left_has_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder, 1 << 20);
    let copy = cache.copy().unwrap();
    assert!(copy.append(b"half"));
    drop(copy);
    let left = folder.path().join("c/.landfall-bundler.partial-left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("blob"), "half").unwrap();
    drop(cache);
    drop(self::cache(&folder, 1 << 20));
    let names = fs::read_dir(folder.path().join("c")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["CACHEDIR.TAG", "blobs", "compressed", "files", "layers"]);
}

#[test]
fn a_record_stands_for_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder, 1 << 20);
    let [one, other] = [blob(b"one"), blob(b"other")];
    cache.note_compressed_layer("zstd", &one, &one);
    let path =
        |content| cache.0.as_ref().unwrap().path(Kind::Compressed, &record::compressed_layer_key("zstd", content));
    fs::copy(path(&one), path(&other)).unwrap();
    assert_eq!(cache.compressed_layer("zstd", &other), None);
    fs::copy(path(&one), cache.0.as_ref().unwrap().path(Kind::Layer, &record::compressed_layer_key("zstd", &one)))
        .unwrap();
    assert_eq!(cache.layer(&record::compressed_layer_key("zstd", &one)), None);
}

#[test]
fn nothing_is_removed_that_no_cache_has_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    fs::create_dir_all(path.join("files")).unwrap();
    fs::write(path.join("files/report.pdf"), "own").unwrap();
    assert!(matches!(Folder::open(path.clone(), 1), Err(CacheError::NotACache { .. })));
    fs::remove_dir_all(&path).unwrap();
    drop(Folder::open(path.clone(), 1).unwrap());
    fs::write(path.join("files/report.pdf"), "own").unwrap();
    Folder::open(path.clone(), 1).unwrap().prune();
    assert!(path.join("files/report.pdf").exists());
    fs::remove_dir_all(path.join("blobs")).unwrap();
    std::os::unix::fs::symlink(folder.path(), path.join("blobs")).unwrap();
    assert!(matches!(Folder::open(path, 1), Err(CacheError::Others { .. })), "a link");
}

#[test]
fn without_a_cache_nothing_is_found_and_nothing_kept() {
    let cache = Cache::default();
    assert!(cache.copy().is_none());
    cache.keep_document(&Digest::of(b"a"), b"a");
    assert_eq!((cache.document(&Digest::of(b"a")), cache.blob(&blob(b"a"))), (None, None));
    cache.prune();
}
