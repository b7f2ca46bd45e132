//! `landfall.lock`: which digest each reference to a registry stood for, beside the definitions that have them. As long as it is there, a build
//! takes the same images, whatever a tag stands for meanwhile.

use crate::definition::{Definition, DefinitionLine, ImageSource};
use crate::registry::{Reference, Registries};
use crate::regular;
use landfall_host::durable;
use landfall_manifests::{Digest, ImageName};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const NAME: &str = "landfall.lock";
/// A lock file, in bytes: thousands of references.
const BYTES: u64 = 1 << 20;
const VERSION: u32 = 1;
const HEADER: &str = "\
# Written by landfall-bundler: the digest that each reference stood for. Keep it with the definition; `landfall-bundler update` moves it.
";

/// What references stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockFile {
    /// Where it is; none beside a definition that is no file.
    path: Option<PathBuf>,
    pins: Pins,
}

/// References, each with the digest that it stands for.
pub(crate) type Pins = BTreeMap<Reference, Digest>;

/// The lock file cannot be used, or does not fit the definition.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockFileError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no lock file: {reason}", path.display())]
    Syntax { path: PathBuf, reason: String },
    #[error("{line}: image {image}: {reference} is not in {NAME}")]
    Unpinned { line: DefinitionLine, image: ImageName, reference: Box<Reference> },
    #[error("the definition has no image {0}")]
    NoSuchImage(ImageName),
    #[error("image {0} has no reference that could move: it is not of a registry, or has a digest")]
    Fixed(ImageName),
    #[error(transparent)]
    Write(#[from] durable::PathError),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockTable {
    version: u32,
    #[serde(default)]
    reference: Vec<PinTable>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinTable {
    name: String,
    digest: Digest,
}

impl LockFile {
    /// The lock file beside a definition. One that is not there pins nothing yet.
    pub(crate) fn beside(definition: &Path) -> Result<Self, LockFileError> {
        // A pipe has no neighbours.
        if !definition.is_file() {
            return Ok(Self { path: None, pins: Pins::new() });
        }
        let path = definition.with_file_name(NAME);
        Ok(Self { pins: read(&path)?, path: Some(path) })
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Refuses images that a build would have to look up.
    pub(crate) fn check(&self, definition: &Definition) -> Result<(), LockFileError> {
        for image in &definition.images {
            let open = image.source.open_reference().filter(|reference| !self.pins.contains_key(reference));
            if let Some(reference) = open {
                let (line, image) = (image.line.clone(), image.name.clone());
                return Err(LockFileError::Unpinned { line, image, reference: Box::new(reference.clone()) });
            }
        }
        Ok(())
    }

    /// The digest that a reference stands for.
    pub(crate) fn pin(&self, reference: &Reference) -> Option<&Digest> {
        self.pins.get(reference)
    }

    /// The definition with the digests that its references stand for.
    pub(crate) fn apply(&self, mut definition: Definition) -> Definition {
        for image in &mut definition.images {
            if let Some(reference) = image.source.open_reference()
                && let Some(digest) = self.pin(reference)
            {
                image.source = ImageSource::Registry { reference: reference.with_digest(*digest) };
            }
        }
        definition
    }

    /// The lock file with what the `references` were found to stand for, and that of others as it was.
    pub(crate) fn with<'a>(&self, references: impl Iterator<Item = &'a Reference>, registries: &Registries) -> Self {
        let found = references.filter_map(|reference| Some((reference.clone(), registries.resolved(reference)?)));
        let pins = self.pins.clone().into_iter().chain(found).collect();
        Self { path: self.path.clone(), pins }
    }

    /// Writes in one step what differs from `before`, which was read, beside what others have written since.
    pub(crate) fn write(&self, before: &Self) -> Result<(), LockFileError> {
        let Some(path) = &self.path else { return Ok(()) };
        // Held until the end. Where a file system has no locks, the last one wins.
        let folder = File::open(durable::folder_of(path));
        let _ = folder.as_ref().map(|folder| flock(folder, FlockOperation::LockExclusive));
        let mut pins = read(path)?;
        let moved = self.pins.iter().filter(|(reference, digest)| before.pins.get(reference) != Some(*digest));
        pins.extend(moved.map(|(reference, digest)| (reference.clone(), *digest)));
        Ok(durable::write(path, text(&pins).as_bytes(), 0o644)?)
    }
}

/// What the lock file at `path` pins. One that is not there pins nothing yet.
fn read(path: &Path) -> Result<Pins, LockFileError> {
    match regular::read(path, BYTES) {
        Ok(text) => parse(&text).map_err(|reason| LockFileError::Syntax { path: path.to_owned(), reason }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Pins::new()),
        Err(source) => Err(LockFileError::Read { path: path.to_owned(), source }),
    }
}

/// The text of a lock file.
pub(crate) fn text(pins: &Pins) -> String {
    let pin = |(reference, digest): (&Reference, &Digest)| PinTable { name: reference.to_string(), digest: *digest };
    let table = LockTable { version: VERSION, reference: pins.iter().map(pin).collect() };
    // A table of numbers and texts, which TOML can always hold.
    format!("{HEADER}{}", toml::to_string(&table).unwrap_or_default())
}

/// What a lock file pins, or what is wrong with it.
pub(crate) fn parse(text: &[u8]) -> Result<Pins, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let table: LockTable = toml::from_str(text).map_err(|error| error.message().trim_end().to_owned())?;
    if table.version != VERSION {
        return Err(format!("its version is {}, and this program knows {VERSION}", table.version));
    }
    let mut pins = Pins::new();
    for PinTable { name, digest } in table.reference {
        let reference: Reference = name.parse().map_err(|error| format!("{error}"))?;
        if reference.digest().is_some() {
            return Err(format!("{name} has a digest itself"));
        }
        if pins.insert(reference, digest).is_some() {
            return Err(format!("{name} is in it twice"));
        }
    }
    Ok(pins)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn lock(names: &[&str]) -> LockFile {
        let pins = names.iter().map(|name| (name.parse().unwrap(), Digest::of(name.as_bytes()))).collect();
        LockFile { path: None, pins }
    }

    #[test]
    fn what_is_written_is_read() {
        for names in [&[][..], &["debian:12"], &["localhost:5000/a/b", "debian"]] {
            let lock = lock(names);
            assert_eq!(parse(text(&lock.pins).as_bytes()), Ok(lock.pins), "{names:?}");
        }
        let digest = Digest::of(b"debian:12").to_string();
        insta::assert_snapshot!(text(&lock(&["debian:12"]).pins).replace(&digest, "sha256:DIGEST"), @r#"
        # Written by landfall-bundler: the digest that each reference stood for. Keep it with the definition; `landfall-bundler update` moves it.
        version = 1

        [[reference]]
        name = "docker.io/library/debian:12"
        digest = "sha256:DIGEST"
        "#);
    }

    #[test]
    fn what_another_build_has_pinned_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let definition = folder.path().join("acme.toml");
        std::fs::write(&definition, "").unwrap();
        let before = LockFile::beside(&definition).unwrap();
        for name in ["debian:12", "debian:13"] {
            let pins = lock(&[name]).pins;
            LockFile { pins, ..before.clone() }.write(&before).unwrap();
        }
        assert_eq!(LockFile::beside(&definition).unwrap().pins, lock(&["debian:12", "debian:13"]).pins);
    }

    #[test]
    fn says_what_is_wrong_with_a_lock_file() {
        let digest = Digest::of(b"a");
        let pin = |name: &str| format!("[[reference]]\nname = \"{name}\"\ndigest = \"{digest}\"\n");
        for (text, reason) in [
            (String::new(), "missing field `version`"),
            ("version = 2".to_owned(), "its version is 2"),
            ("version = 1\nx = 1".to_owned(), "unknown field `x`"),
            (format!("version = 1\n{}", pin("Debian")), "no name of a repository"),
            (format!("version = 1\n{}", pin(&format!("debian@{digest}"))), "has a digest itself"),
            (format!("version = 1\n{0}{1}", pin("debian"), pin("docker.io/library/debian:latest")), "in it twice"),
            ("version = 1\n[[reference]]\nname = \"a\"\ndigest = \"sha256:1\"".to_owned(), "sha256"),
        ] {
            let found = parse(text.as_bytes()).unwrap_err();
            assert!(found.contains(reason), "{text}: {found}");
        }
        assert!(parse(b"\xff").is_err());
    }
}
