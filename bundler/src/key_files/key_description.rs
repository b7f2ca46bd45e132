use super::{KeyFileError, public_in, read_open};
use crate::regular;
use landfall_keys::{KeyError, MAX_FILE_BYTES, PublicKey, PublicKeyError, SecretKeyFile};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A key as it shows to whoever does not have its password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyDescription {
    pub(crate) content: KeyContent,
    /// The permissions of its file; none of a key that was given as a line.
    pub(crate) mode: Option<u32>,
}

/// What is in a key's file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyContent {
    Public(PublicKey),
    /// A secret key that anybody can use who reads the file.
    Secret(PublicKey),
    /// A secret key under a password, which hides its id as well. What is known of it is told by the public key's file beside it.
    Protected(Option<(PublicKey, PathBuf)>),
}

impl KeyContent {
    /// The public key, as far as it is known.
    pub(crate) fn public_key(&self) -> Option<&PublicKey> {
        match self {
            Self::Public(key) | Self::Secret(key) => Some(key),
            Self::Protected(beside) => beside.as_ref().map(|(key, _)| key),
        }
    }
}

impl KeyDescription {
    /// Describes a public key's line, or the key in the file at this path.
    pub(crate) fn of(named: &Path) -> Result<Self, KeyFileError> {
        if let Some(Ok(key)) = named.to_str().map(str::parse) {
            return Ok(Self { content: KeyContent::Public(key), mode: None });
        }
        let (text, mode) = match read(named) {
            // Not UTF-8: no key, whatever it is.
            Err(KeyFileError::Read { source, .. }) if source.kind() == ErrorKind::InvalidData => {
                return Err(KeyFileError::NotAKey { path: named.to_owned() });
            }
            other => other?,
        };
        Ok(Self { content: content(named, &text)?, mode: Some(mode) })
    }
}

/// The text and the permissions of a small regular file: a pipe may never have a writer.
fn read(path: &Path) -> Result<(zeroize::Zeroizing<String>, u32), KeyFileError> {
    let what = "key";
    let cannot = |source| KeyFileError::Read { what, path: path.to_owned(), source };
    let (file, metadata) = regular::open(path).map_err(cannot)?;
    Ok((read_open(file, path, MAX_FILE_BYTES, what)?, metadata.permissions().mode() & 0o7777))
}

fn content(path: &Path, text: &str) -> Result<KeyContent, KeyFileError> {
    let wrong = |source| KeyFileError::SecretKey { path: path.to_owned(), source };
    match SecretKeyFile::parse(text) {
        Ok(file) if file.needs_password() => Ok(KeyContent::Protected(beside(path))),
        Ok(file) => file.unlock(None).map(|key| KeyContent::Secret(key.public_key())).map_err(wrong),
        // Not framed as a secret key: it may be a public one.
        Err(KeyError::Text(_)) => match public_in(&path.display().to_string(), text) {
            Err(KeyFileError::PublicKey { source: PublicKeyError::Text(_), .. }) => {
                Err(KeyFileError::NotAKey { path: path.to_owned() })
            }
            other => other.map(KeyContent::Public),
        },
        Err(error) => Err(wrong(error)),
    }
}

/// The public half that lies beside a secret key, as `keygen` and `minisign -G` leave it: NAME.pub beside NAME.key.
fn beside(secret: &Path) -> Option<(PublicKey, PathBuf)> {
    let path = secret.with_extension("pub");
    let (text, _) = read(&path).ok()?;
    Some((public_in("", &text).ok()?, path))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_keys::{Protection, SecretKey};
    use std::fs::{self, Permissions};

    #[test]
    fn what_a_key_is_shows_without_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = SecretKey::generate().unwrap();
        let public = key.public_key();
        fs::write(at("open.key"), &*key.to_file(Protection::None).unwrap()).unwrap();
        fs::set_permissions(at("open.key"), Permissions::from_mode(0o640)).unwrap();
        fs::write(at("locked.key"), &*key.to_file(Protection::Password(b"correct horse")).unwrap()).unwrap();
        let of = |name: &str| KeyDescription::of(&at(name)).unwrap();
        assert_eq!(of("open.key"), KeyDescription { content: KeyContent::Secret(public), mode: Some(0o640) });
        assert_eq!(of("locked.key").content, KeyContent::Protected(None));
        fs::write(at("locked.pub"), public.to_file()).unwrap();
        assert_eq!(of("locked.key").content, KeyContent::Protected(Some((public, at("locked.pub")))));
        assert_eq!(of("locked.pub").content, KeyContent::Public(public));
        let line = KeyDescription::of(Path::new(&public.to_line())).unwrap();
        assert_eq!(line, KeyDescription { content: KeyContent::Public(public), mode: None });
        // What lies beside it and is no public key says nothing of it.
        fs::write(at("locked.pub"), "notes").unwrap();
        assert_eq!(of("locked.key").content, KeyContent::Protected(None));
    }

    #[test]
    fn what_is_no_key_is_told_as_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let secret = SecretKey::generate().unwrap().to_file(Protection::None).unwrap();
        // One digit of the checksum.
        let (start, end) = secret.split_at(secret.len() - 20);
        let damaged = format!("{start}{}{}", if end.starts_with('A') { 'B' } else { 'A' }, &end[1..]);
        fs::write(at("damaged"), damaged).unwrap();
        fs::write(at("notes"), "untrusted comment: notes\nnothing\n").unwrap();
        fs::write(at("empty"), "").unwrap();
        fs::write(at("binary"), [0xff; 64]).unwrap();
        fs::write(at("large"), "a".repeat(MAX_FILE_BYTES + 1)).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let pipe = at("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let error = |name: &str| KeyDescription::of(&at(name)).unwrap_err();
        assert!(matches!(error("damaged"), KeyFileError::SecretKey { source: KeyError::Damaged, .. }));
        for name in ["notes", "empty", "binary"] {
            assert!(matches!(error(name), KeyFileError::NotAKey { .. }), "{name}");
        }
        assert!(matches!(error("large"), KeyFileError::TooLarge { .. }));
        for name in ["folder", "pipe", "none"] {
            assert!(matches!(error(name), KeyFileError::Read { .. }), "{name}");
        }
    }
}
