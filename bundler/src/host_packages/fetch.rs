//! Files of a mirror: of a web server or of this machine, each at most as large and exactly what it is said to be.

use super::error::PackageFault;
use crate::registry::{DownloadError, Registries};
use crate::sources::{Compression, Unpacked};
use landfall_console::Size;
use landfall_manifests::Digest;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;
use url::Url;

/// Gets files of one mirror.
pub(super) struct Fetcher<'a> {
    /// For mirrors of web servers.
    pub(super) registries: &'a Registries,
}

/// An index that is what it should be.
pub(super) struct OpenIndex {
    pub(super) file: File,
    pub(super) compression: Compression,
    /// For people.
    pub(super) address: String,
}

impl OpenIndex {
    /// The index from its beginning.
    pub(super) fn unpacked(&mut self) -> io::Result<Unpacked<'_>> {
        self.file.rewind()?;
        self.compression.unpack(&self.file)
    }
}

impl Fetcher<'_> {
    /// Gets a file whose content is judged by others.
    pub(super) fn to_path(&self, url: &Url, path: &Path, most: u64) -> Result<(), PackageFault> {
        let mut file = File::create_new(path).map_err(PackageFault::Temporary)?;
        self.get(url, &mut file, most)
    }

    /// Gets a file of this size and digest, to a file without a name.
    pub(super) fn to_file(&self, url: &Url, size: u64, digest: Digest) -> Result<File, PackageFault> {
        let mut file = tempfile::tempfile().map_err(PackageFault::Temporary)?;
        self.get_known(url, &mut file, size, digest)?;
        Ok(file)
    }

    /// Gets a file of this size and digest. The file is at its beginning afterwards.
    pub(super) fn get_known(&self, url: &Url, file: &mut File, size: u64, digest: Digest) -> Result<(), PackageFault> {
        self.get(url, file, size).map_err(|fault| match fault {
            PackageFault::Download { address, source } if matches!(*source, DownloadError::TooLarge(_)) => {
                PackageFault::Longer { address, size }
            }
            other => other,
        })?;
        file.rewind().map_err(PackageFault::Temporary)?;
        let (found, found_size) = Digest::of_reader(&*file).map_err(PackageFault::Temporary)?;
        if (found, found_size) != (digest, size) {
            return Err(PackageFault::Digest { address: url.to_string(), found, size: found_size });
        }
        file.rewind().map_err(PackageFault::Temporary)
    }

    fn get(&self, url: &Url, file: &mut File, most: u64) -> Result<(), PackageFault> {
        let Ok(path) = url.to_file_path() else {
            let got = self.registries.download(url, file, most, |_| ());
            let failed = |source| PackageFault::Download { address: url.to_string(), source: Box::new(source) };
            return got.map(drop).map_err(failed);
        };
        let read = |source| PackageFault::Read { path: path.clone(), source };
        let mut from = File::open(&path).map_err(read)?;
        let copied = io::copy(&mut (&mut from).take(most.saturating_add(1)), file).map_err(read)?;
        if copied > most {
            let source = Box::new(DownloadError::TooLarge(Size(most)));
            return Err(PackageFault::Download { address: url.to_string(), source });
        }
        Ok(())
    }
}
