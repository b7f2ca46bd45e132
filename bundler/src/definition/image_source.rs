use super::archive_path::ArchivePath;
use crate::registry::{Reference, ReferenceError};
use std::path::{Path, PathBuf};

/// Where an image comes from, by the transport names that skopeo made common.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum ImageSource {
    /// `docker://REF`: an image of a registry, as `docker pull` names it: `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`. Names without a host are
    /// Docker Hub's; without a tag and a digest, `latest` is taken; with a digest, the tag is only a note. No engine is needed. Of an
    /// image for several platforms, the one for the release's architecture is taken. Layers travel as they are, so that hosts report the
    /// digest that the registry has. What a tag stands for is looked up once: `landfall.lock`, beside the definition, has its digest from then on, and
    /// `landfall-bundler update` moves it. Logins are those of `podman login` and `docker login`, with their credential helpers.
    /// `landfall-bundler build --help` tells how mirrors, private authorities and registries without TLS are named.
    Registry {
        #[cfg_attr(test, schemars(with = "String"))]
        reference: Reference,
    },
    /// `docker-daemon:REF`: an image of an engine that speaks Docker's API, by name, tag or id. Without a tag, `latest` is taken.
    /// The engine is the one that `DOCKER_HOST` names, or else Docker's own. For the same bytes in each build, use one of the
    /// other transports: an engine may compress or convert images again.
    DockerDaemon { reference: String },
    /// `docker-archive:FILE[:REF]`: a file that `docker save` or `podman save` wrote, also compressed as a whole with gzip, zstd or xz, of
    /// which none may need more than a window of 32 MiB to be unpacked. REF is a name and tag, or the first 12 or more digits of an id.
    /// `-` in the place of FILE is standard input, which one source may read; it is kept beside the bundle meanwhile, as large as it is
    /// unpacked.
    DockerArchive { file: ArchivePath, reference: Option<String> },
    /// `oci:DIR[:NAME]`: a folder with an OCI image layout. NAME is the annotation `org.opencontainers.image.ref.name`, or the digest
    /// that the index lists (`sha256:…`), which tells images of one name apart. Of an image
    /// for several platforms, the one for the release's architecture is taken.
    OciFolder { folder: PathBuf, name: Option<String> },
    /// `oci-archive:FILE[:NAME]`: an OCI image layout in a tar archive, otherwise like `oci:`. The archive may be compressed as a whole, and
    /// may be `-`, as with `docker-archive:`; one that is compressed is unpacked beside the bundle meanwhile.
    OciArchive { file: ArchivePath, name: Option<String> },
    /// `dir:DIR`: a folder as `skopeo copy` writes it to `dir:`. Of an image for several platforms (`--all`), the one for the release's
    /// architecture is taken.
    Directory { folder: PathBuf },
    /// `rootfs:DIR`: a folder whose content becomes an image of one layer. Modes, symbolic links and hard links are kept,
    /// and so are file capabilities, access control lists and `user.` attributes; what the security modules of the machine that builds
    /// note on files is left out. Files keep their times, but none is later than the release's (`created`), and all are of 1970
    /// where the release has none. Devices, pipes, sockets, secret keys, other attributes, and names that begin with `.wh.` (which
    /// engines take for removals) are refused. `entrypoint`, `cmd`, `env`, `user` and other keys say what runs in it and how, `owners`
    /// whose it is.
    Rootfs { folder: PathBuf },
}

/// The text is not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageSourceSyntaxError {
    #[error("{0:?} names no transport: write {TRANSPORTS}")]
    NoTransport(String),
    #[error("the transport {0:?} is not supported: write {TRANSPORTS}")]
    Transport(String),
    #[error("{0:?} has nothing after its transport")]
    Empty(String),
    #[error("write docker://, and then the reference: {0:?} has no slashes")]
    Slashes(String),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

const TRANSPORTS: &str = "docker://REF, docker-daemon:REF, docker-archive:FILE[:REF], oci:DIR[:NAME], oci-archive:FILE[:NAME], dir:DIR or rootfs:DIR";

impl ImageSource {
    /// Its reference to a registry, if that may stand for another image tomorrow.
    pub(crate) fn open_reference(&self) -> Option<&Reference> {
        match self {
            Self::Registry { reference } if reference.digest().is_none() => Some(reference),
            _ => None,
        }
    }

    /// Reads a source; its path is relative to `base`.
    pub(crate) fn parse(text: &str, base: &Path) -> Result<Self, ImageSourceSyntaxError> {
        let (transport, rest) =
            text.split_once(':').ok_or_else(|| ImageSourceSyntaxError::NoTransport(text.to_owned()))?;
        // At the first colon: names have more of them (`app:1.0`).
        let (path, name) = match rest.split_once(':') {
            Some((path, name)) => (path, Some(name.to_owned())),
            None => (rest, None),
        };
        let file = || ArchivePath::new(path, base);
        let source = match transport {
            "docker" => {
                let reference =
                    rest.strip_prefix("//").ok_or_else(|| ImageSourceSyntaxError::Slashes(text.to_owned()))?;
                return Ok(Self::Registry { reference: reference.parse()? });
            }
            "docker-daemon" => Self::DockerDaemon { reference: rest.to_owned() },
            "docker-archive" => Self::DockerArchive { file: file(), reference: name },
            "oci" => Self::OciFolder { folder: base.join(path), name },
            "oci-archive" => Self::OciArchive { file: file(), name },
            // No name follows the folder, so that it may have colons itself.
            "dir" => Self::Directory { folder: base.join(rest) },
            "rootfs" => Self::Rootfs { folder: base.join(rest) },
            other => return Err(ImageSourceSyntaxError::Transport(other.to_owned())),
        };
        if rest.is_empty() || rest.starts_with(':') || rest.ends_with(':') {
            return Err(ImageSourceSyntaxError::Empty(text.to_owned()));
        }
        Ok(source)
    }
}

/// A source as a release tells it: of an absolute path the last component only, since the folders above it are the building
/// machine's own, and would change the bytes of a release that is built in another folder.
pub(super) fn published(written: &str) -> String {
    let of_path = |(transport, rest): &(&str, &str)| *transport != "docker" && rest.starts_with('/');
    let Some((transport, rest)) = written.split_once(':').filter(of_path) else { return written.to_owned() };
    let (path, name) = match rest.split_once(':') {
        Some((path, name)) if !["rootfs", "dir"].contains(&transport) => (path, format!(":{name}")),
        _ => (rest, String::new()),
    };
    let last = Path::new(path).file_name().map_or(path.into(), |last| last.to_string_lossy());
    format!("{transport}:{last}{name}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn reads_the_transports_that_skopeo_has() {
        let path = PathBuf::from;
        let file = |text: &str| ArchivePath::File(text.into());
        let some = |name: &str| Some(name.to_owned());
        let parse = |text| ImageSource::parse(text, Path::new("/defs"));
        for (text, expected) in [
            ("docker://debian:12", ImageSource::Registry { reference: "docker.io/library/debian:12".parse().unwrap() }),
            ("docker-daemon:hello:1", ImageSource::DockerDaemon { reference: "hello:1".to_owned() }),
            ("docker-archive:a.tar", ImageSource::DockerArchive { file: file("/defs/a.tar"), reference: None }),
            ("docker-archive:/a.tar:b:1", ImageSource::DockerArchive { file: file("/a.tar"), reference: some("b:1") }),
            (
                "docker-archive:-:b:1",
                ImageSource::DockerArchive { file: ArchivePath::StandardInput, reference: some("b:1") },
            ),
            ("oci-archive:-", ImageSource::OciArchive { file: ArchivePath::StandardInput, name: None }),
            ("oci-archive:./-", ImageSource::OciArchive { file: file("/defs/./-"), name: None }),
            ("dir:a:b", ImageSource::Directory { folder: path("/defs/a:b") }),
            ("oci:dir:name", ImageSource::OciFolder { folder: path("/defs/dir"), name: some("name") }),
            ("oci-archive:../x.tar", ImageSource::OciArchive { file: file("/defs/../x.tar"), name: None }),
            ("rootfs:root:fs", ImageSource::Rootfs { folder: path("/defs/root:fs") }),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn names_the_transports_where_another_is_asked_for() {
        for wrong in ["docker-hub:debian:12", "hello", "", "oci:", "oci:dir:", "containers-storage:x"] {
            let error = parse_error(wrong);
            assert!(error.contains("docker-archive:FILE") || error.contains("has nothing"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_registrys_source_is_told_as_it_is_written() {
        for source in ["docker://localhost:5000/a/b:1", "docker://debian"] {
            assert_eq!(published(source), source);
        }
        assert_eq!(published("oci:/srv/images/app:1"), "oci:app:1");
        assert!(parse_error("docker:debian:12").contains("write docker://"));
        assert!(parse_error("docker://Debian").contains("no name of a repository"));
    }

    fn parse_error(text: &str) -> String {
        ImageSource::parse(text, Path::new("/")).map_or_else(|error| error.to_string(), |source| format!("{source:?}"))
    }
}
