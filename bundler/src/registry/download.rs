use super::blob::PROGRESS;
use super::session::check;
use super::transport::{self, Request};
use super::{Registries, RegistryError};
use landfall_console::Size;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use ureq::http::{StatusCode, header};
use url::Url;

/// How much is read at once, in bytes.
const CHUNK: usize = 256 << 10;
/// The largest file that is downloaded, in bytes: a server that sends without end ends there, and not where the disk does.
pub(crate) const MOST_BYTES: u64 = 1 << 40;

/// A file cannot be downloaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error(transparent)]
    Server(#[from] RegistryError),
    #[error("it is larger than {0}")]
    TooLarge(Size),
    /// Of the file that it is written to.
    #[error("a temporary file cannot be written")]
    Write(#[source] io::Error),
}

impl Registries {
    /// Writes what is at an address, of at most so many bytes, to an empty file, and goes on where it was when the connection was lost. Returns its size. Whether it is
    /// what it should be is for the caller to see.
    pub(crate) fn download(
        &self,
        url: &Url,
        to: &mut File,
        most: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<u64, DownloadError> {
        let mut failures = 0;
        loop {
            let before = to.stream_position().map_err(DownloadError::Write)?;
            match self.go_on(url, to, most, &mut progress) {
                Ok(()) => return to.stream_position().map_err(DownloadError::Write),
                Err(DownloadError::Server(error)) => {
                    let came = to.stream_position().map_err(DownloadError::Write)?.saturating_sub(before);
                    if came >= PROGRESS {
                        failures = 0;
                    }
                    self.sessions.pause(&mut failures, error)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn go_on(&self, url: &Url, to: &mut File, most: u64, progress: &mut impl FnMut(u64)) -> Result<(), DownloadError> {
        let offset = to.stream_position().map_err(DownloadError::Write)?;
        let range = (offset > 0).then(|| (header::RANGE, format!("bytes={offset}-")));
        let host = transport::host_of(url);
        let response =
            self.sessions.send(&Request { url: url.clone(), headers: range.into_iter().collect(), form: None })?;
        let response = check(&host, url.path(), response)?;
        let expected =
            response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let mut written = offset;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // It sends all of it again.
            to.seek(SeekFrom::Start(0)).and_then(|_| to.set_len(0)).map_err(DownloadError::Write)?;
            written = 0;
        }
        let end = expected.map(|expected: u64| written.saturating_add(expected));
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) if end.is_some_and(|end| written < end) => {
                    return Err(RegistryError::Lost { host, reason: "the rest did not come".to_owned() }.into());
                }
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(transport::failed(host, &error.into()).into()),
            };
            written += read as u64;
            if written > most {
                return Err(DownloadError::TooLarge(Size(most)));
            }
            to.write_all(&buffer[..read]).map_err(DownloadError::Write)?;
            progress(read as u64);
        }
    }
}
