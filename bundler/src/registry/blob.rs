use super::repository::Repository;
use super::session::Place;
use super::{RegistryError, transport};
use landfall_manifests::{Digest, oci::Descriptor};
use std::io::{self, Read};
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Body, BodyReader};

/// As much as a connection has to bring before the failures before it are forgotten, in bytes. Without a bound, a registry could send
/// one byte a connection for ever.
pub(super) const PROGRESS: u64 = 1 << 20;

/// Reads a blob, and goes on where it was when the connection was lost. Nothing is asked for before the first byte is wanted. Its
/// errors of input are [`RegistryError`]s.
pub(crate) struct BlobReader<'a> {
    repository: &'a Repository<'a>,
    digest: Digest,
    size: u64,
    offset: u64,
    body: Option<BodyReader<'static>>,
    failures: u32,
    /// Where the connection began.
    began: u64,
}

impl<'a> BlobReader<'a> {
    /// Reads the blob of a descriptor from its beginning.
    pub(crate) fn new(repository: &'a Repository<'a>, described: &Descriptor) -> Self {
        let Descriptor { digest, size, .. } = *described;
        Self { repository, digest, size, offset: 0, body: None, failures: 0, began: 0 }
    }

    fn some(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        let left = usize::try_from(self.size - self.offset).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            let place = self.repository.place();
            let error = match self.body(&place) {
                Ok(body) => match body.read(&mut buffer[..wanted]) {
                    Ok(0) => {
                        RegistryError::Lost { host: place.host.clone(), reason: "the rest did not come".to_owned() }
                    }
                    Ok(read) => {
                        self.offset += read as u64;
                        return Ok(read);
                    }
                    Err(error) => transport::failed(place.host.clone(), &error.into()),
                },
                Err(error) => error,
            };
            self.body = None;
            if self.offset - self.began >= PROGRESS {
                self.failures = 0;
            }
            if let Err(error) = self.repository.sessions().pause(&mut self.failures, error) {
                // Another place may have it.
                self.repository.leave(&place, error)?;
                self.failures = 0;
            }
        }
    }

    /// The body of a response that goes on at the offset.
    fn body(&mut self, place: &Place) -> Result<&mut BodyReader<'static>, RegistryError> {
        let body = if let Some(body) = self.body.take() {
            body
        } else {
            self.began = self.offset;
            self.request(place)?
        };
        Ok(self.body.insert(body))
    }

    fn request(&self, place: &Place) -> Result<BodyReader<'static>, RegistryError> {
        let range = (self.offset > 0).then(|| (header::RANGE, format!("bytes={}-", self.offset)));
        let path = format!("blobs/{}", self.digest);
        let response = self.repository.sessions().get(place, &path, range.into_iter().collect())?;
        let begins = self.begin(place, &response)?;
        let mut body = response.into_body().into_reader();
        // A server that knows no ranges sends all of it again.
        let skipped = io::copy(&mut (&mut body).take(self.offset - begins), &mut io::sink());
        skipped.map_err(|error| transport::failed(place.host.clone(), &error.into()))?;
        Ok(body)
    }

    /// Where in the blob a response begins. What it says of the blob's size has to be true.
    fn begin(&self, place: &Place, response: &Response<Body>) -> Result<u64, RegistryError> {
        let headers = response.headers();
        let (begins, size) = if response.status() == StatusCode::PARTIAL_CONTENT {
            let range = text(headers, header::CONTENT_RANGE).and_then(range);
            range.filter(|(begins, _)| *begins == self.offset).ok_or_else(|| RegistryError::Answer {
                host: place.host.clone(),
                reason: format!("it sends another part of {} than it was asked for", self.digest),
            })?
        } else {
            (0, text(headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok()))
        };
        match size.filter(|size| *size != self.size) {
            Some(found) => {
                Err(RegistryError::Length { host: place.host.clone(), what: self.digest, expected: self.size, found })
            }
            None => Ok(begins),
        }
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.some(buffer).map_err(io::Error::from)
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The first byte of a `Content-Range`, and the size of the whole where it is told (RFC 9110, section 14.4).
fn range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    let size = if size == "*" { None } else { Some(size.parse().ok()?) };
    Some((first.parse().ok()?, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_it_is_sent() {
        for (value, expected) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 5-9/*", Some((5, None))),
            ("bytes */10", None),
            ("5-9/10", None),
            ("bytes 5-9", None),
            ("bytes 5-9/x", None),
            ("", None),
        ] {
            assert_eq!(range(value), expected, "{value:?}");
        }
    }
}
