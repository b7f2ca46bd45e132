use super::{FileError, FoundFile, Origin};
use crate::blob_store::{BlobStore, CHUNK};
use crate::plan::PlannedDownload;
use crate::registry::{MOST_BYTES, Registries};
use landfall_console::Console;
use landfall_manifests::{Digest, Hasher};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};

/// Downloads what has an address, into files without names beside the bundle, and checks that it is what it should be.
pub(crate) fn download(
    found: &mut [FoundFile<'_>],
    registries: &Registries,
    store: &BlobStore,
    console: Console,
) -> Result<(), FileError> {
    for file in found {
        let Origin::Download { download, content } = &mut file.from else { continue };
        let PlannedDownload { path, url, digest, line } = download;
        let progress = console.progress(format!("Downloading {path}"), None);
        let mut downloaded = store.temporary_file()?;
        let failed =
            |source| FileError::Download { line: line.clone(), url: Box::new(url.clone()), source: Box::new(source) };
        registries.download(url, &mut downloaded, MOST_BYTES, |bytes| progress.add(bytes)).map_err(failed)?;
        progress.finish();
        let hashed = digest_of(&mut downloaded).map_err(|error| store.failed(error))?;
        if hashed != *digest {
            return Err(FileError::Digest { line: line.clone(), path: url.as_str().into(), found: hashed });
        }
        *content = Some(downloaded);
    }
    Ok(())
}

/// The digest of a file's content. The file is at its beginning afterwards.
fn digest_of(file: &mut File) -> io::Result<Digest> {
    file.rewind()?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.rewind()?;
    Ok(hasher.finish())
}
