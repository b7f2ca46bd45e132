use super::MirrorError;
use landfall_host::regular::{self, NotRegular};
use landfall_manifests::{INDEX_NAME, limits};
use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Where a mirror is, or a file of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MirrorAddress {
    Folder(PathBuf),
    /// `http://HOST[:PORT][/PATH]`, without a slash at its end.
    Server(String),
}

impl MirrorAddress {
    /// As it is written on the command line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Self::Folder(PathBuf::from(text))) };
        if scheme != "http" {
            return Err(
                "write http://HOST[:PORT]/PATH, without TLS: bundles are verified by their signatures".to_owned()
            );
        }
        let rest = rest.trim_end_matches('/');
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:[]%".contains(&byte);
        if rest.is_empty() || rest.starts_with('/') || !rest.bytes().all(is_plain) {
            return Err("write http://HOST[:PORT]/PATH, without a user, a query or a fragment".to_owned());
        }
        Ok(Self::Server(format!("{scheme}://{rest}")))
    }

    /// A file of it. Its name is one of a verified index, or our own.
    pub(super) fn bundle(&self, name: &str) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.join(name)),
            Self::Server(address) => Self::Server(format!("{address}/{name}")),
        }
    }

    pub(super) fn read_index(&self) -> Result<Vec<u8>, MirrorError> {
        let at = self.bundle(INDEX_NAME);
        let read = match &at {
            Self::Folder(path) => regular::read(path, limits::INDEX_BYTES).map(Some),
            Self::Server(address) => landfall_media::get(address, limits::INDEX_BYTES),
        };
        match read {
            Ok(Some(file)) => Ok(file),
            Ok(None) => Err(MirrorError::NoIndex { at }),
            Err(error) if error.kind() == ErrorKind::NotFound || NotRegular::caused(&error) => {
                Err(MirrorError::NoIndex { at })
            }
            Err(source) => Err(MirrorError::Read { at, source }),
        }
    }
}

impl fmt::Display for MirrorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Server(address) => f.write_str(address),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_a_folder_or_a_plain_address() {
        let server = |text: &str| MirrorAddress::Server(text.to_owned());
        for (text, expected) in [
            ("/srv/mirror", MirrorAddress::Folder("/srv/mirror".into())),
            ("mirror/", MirrorAddress::Folder("mirror/".into())),
            ("http://10.0.0.1", server("http://10.0.0.1")),
            ("http://[fd00::1]:8000/acme/", server("http://[fd00::1]:8000/acme")),
        ] {
            assert_eq!(MirrorAddress::parse(text).unwrap(), expected);
        }
        for wrong in
            ["https://10.0.0.1/", "ftp://10.0.0.1/", "http://", "http:///x", "http://a b", "http://u@h/", "http://h/?q"]
        {
            assert!(MirrorAddress::parse(wrong).is_err(), "{wrong}");
        }
        let file = |text: &str| MirrorAddress::parse(text).unwrap().bundle("a.landfall.tar").to_string();
        assert_eq!(file("http://10.0.0.1:80/x/"), "http://10.0.0.1:80/x/a.landfall.tar");
        assert_eq!(file("/srv/mirror"), "/srv/mirror/a.landfall.tar");
    }
}
