//! Files into and out of containers, running or not, as small tar archives.

use super::connection::Docker;
use crate::containers::Folder;
use crate::error::EngineError;
use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::io::{self, Read as _};

/// The largest file to read, in bytes: the runtime reads `/etc/passwd`, and a large one has a few thousand users.
const MAX_FILE: usize = 1 << 20;

impl Docker {
    pub(super) async fn upload(&self, container: &str, parent: &str, folders: &[Folder]) -> Result<(), EngineError> {
        let operation = format!("create folders in container {container}");
        let archive = archive(folders)
            .map_err(|error| EngineError::Failed { operation: operation.clone(), message: error.to_string() })?;
        let options = UploadToContainerOptionsBuilder::new().path(parent).build();
        let body = bollard::body_full(Bytes::from(archive));
        self.ask(&operation, async |client| client.upload_to_container(container, Some(options), body).await).await
    }

    pub(super) async fn download(&self, container: &str, path: &str) -> Result<Vec<u8>, EngineError> {
        let operation = format!("read {path} in container {container}");
        let session = self.session().await?;
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let mut stream = std::pin::pin!(session.client.download_from_container(container, Some(options)));
        let mut received = Vec::new();
        while let Some(chunk) = stream.next().await {
            received.extend_from_slice(&chunk.map_err(|error| self.failed(&operation, error))?);
            // Headers and padding of the archive fit into the second half; a file beyond the limit is refused below.
            if received.len() > 2 * MAX_FILE {
                break;
            }
        }
        only_file(&received).map_err(|error| EngineError::InvalidAnswer { operation, source: error.into() })
    }
}

fn archive(folders: &[Folder]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for folder in folders {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o700);
        header.set_uid(folder.uid.into());
        header.set_gid(folder.gid.into());
        header.set_size(0);
        archive.append_data(&mut header, &folder.name, io::empty())?;
    }
    archive.into_inner()
}

fn only_file(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    // The image is not trusted: what it calls `/etc/passwd` may be a link, a folder or endless.
    let entry = archive.entries()?.next();
    let entry = entry.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))??;
    if !entry.header().entry_type().is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"));
    }
    let limit = u64::try_from(MAX_FILE).unwrap_or(u64::MAX);
    if entry.size() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    let mut content = Vec::new();
    entry.take(limit).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn folders_carry_their_owner() {
        let bytes = archive(&[Folder { name: "users".into(), uid: 2_000_000_001, gid: 100 }]).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mode().unwrap()), (2_000_000_001, 100, 0o700));
        assert!(header.entry_type().is_dir());
        assert_eq!(&*entry.path_bytes(), b"users");
    }

    #[test]
    fn reads_one_regular_file_and_nothing_else() {
        let mut file = tar::Header::new_gnu();
        file.set_size(4);
        let mut made = tar::Builder::new(Vec::new());
        made.append_data(&mut file, "passwd", &b"root"[..]).unwrap();
        assert_eq!(only_file(&made.into_inner().unwrap()).unwrap(), b"root");
        let folder = archive(&[Folder { name: "etc".into(), uid: 0, gid: 0 }]).unwrap();
        assert!(only_file(&folder).is_err());
        assert!(only_file(&[]).is_err());
    }
}
