use landfall_manifests::Digest;
use std::fmt;
use std::str::FromStr;

/// Docker Hub, as references name it.
const HUB: &str = "docker.io";
/// The host that serves it.
const HUB_HOST: &str = "registry-1.docker.io";
/// The tag of a reference that names neither tag nor digest.
const DEFAULT_TAG: &str = "latest";
/// A host and a repository, in bytes (distribution/reference, `NameTotalLengthMax`).
const NAME_BYTES: usize = 255;
/// A tag, in bytes (OCI distribution specification, "Pulling manifests").
const TAG_BYTES: usize = 128;

/// An image of a registry, as Docker writes it: `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`. Names without a host are Docker Hub's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    host: String,
    repository: String,
    /// There is one at least of these two.
    tag: Option<String>,
    digest: Option<Digest>,
}

/// The text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReferenceError {
    #[error("{0:?} is no host of a registry")]
    Host(String),
    #[error(
        "{0:?} is no name of a repository: it has lower-case letters and digits, in words joined by '.', '_', '__' or '-'"
    )]
    Repository(String),
    #[error("the name {0:?} is longer than {NAME_BYTES} bytes")]
    Length(String),
    #[error(
        "{0:?} is no tag: it has at most {TAG_BYTES} letters, digits, '_', '.' and '-', and begins with none of the last two"
    )]
    Tag(String),
    #[error("{0:?} is no digest: it is sha256: and 64 hexadecimal digits")]
    Digest(String),
}

impl Reference {
    /// The host, with its port, as the reference has it; `docker.io` for Docker Hub.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The host that serves it.
    pub(super) fn api_host(&self) -> &str {
        if self.host == HUB { HUB_HOST } else { &self.host }
    }

    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    /// What its manifest is asked for by. A digest says all that a tag could say.
    pub(super) fn version(&self) -> String {
        let tag = || self.tag.clone().unwrap_or_default();
        self.digest.map_or_else(tag, |digest| digest.to_string())
    }

    pub(crate) fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What has this tag in the same repository.
    pub(crate) fn with_tag(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }

    /// The same reference, which stands for this digest whatever its tag does.
    pub(crate) fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let digest = digest.map(|digest| digest.parse().map_err(|_| ReferenceError::Digest(digest.to_owned())));
        let digest = digest.transpose()?;
        // A colon before the last slash is that of a port.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(colon) => (&name[..last + colon], Some(name[last + colon + 1..].to_owned())),
            None => (name, None),
        };
        if let Some(tag) = tag.as_ref().filter(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Tag(tag.clone()));
        }
        let (host, repository) = match name.split_once('/') {
            Some((host, repository)) if names_host(host) => (host, repository.to_owned()),
            Some(_) => (HUB, name.to_owned()),
            // Docker Hub's own images have no owner.
            None => (HUB, format!("library/{name}")),
        };
        let (host, repository) = match (host, repository.contains('/')) {
            (HUB | "index.docker.io" | HUB_HOST, false) => (HUB, format!("library/{repository}")),
            ("index.docker.io" | HUB_HOST, true) => (HUB, repository),
            _ => (host, repository),
        };
        if !is_host(host) {
            return Err(ReferenceError::Host(host.to_owned()));
        }
        if !is_repository(&repository) {
            return Err(ReferenceError::Repository(name.to_owned()));
        }
        if host.len() + 1 + repository.len() > NAME_BYTES {
            return Err(ReferenceError::Length(name.to_owned()));
        }
        // A digest says all that a tag could say.
        let tag = tag.or_else(|| digest.is_none().then(|| DEFAULT_TAG.to_owned()));
        Ok(Self { host: host.to_owned(), repository, tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))?;
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

/// Whether the first component of a name is a host, and not the owner of an image on Docker Hub (distribution/reference,
/// `splitDockerDomain`).
fn names_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.contains(|c: char| c.is_ascii_uppercase())
}

/// Whether a text is a host, or a host and a port.
pub(super) fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("", port),
        Some(_) => return false,
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let is_label = |label: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && ends(label.chars().next())
            && ends(label.chars().last())
    };
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|it| it > 0);
    (text.starts_with('[') || name.split('.').all(is_label))
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Whether a text is the path of a repository (OCI distribution specification, "Pulling manifests").
pub(super) fn is_repository(text: &str) -> bool {
    text.split('/').all(|component| {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let mut separators = component.split(is_word).filter(|separator| !separator.is_empty());
        let is_separator = |it: &str| matches!(it, "." | "_" | "__") || it.bytes().all(|byte| byte == b'-');
        component.starts_with(is_word) && component.ends_with(is_word) && separators.all(is_separator)
    })
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= TAG_BYTES && text.starts_with(is_word) && text.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_reference_is_read_as_docker_reads_it() {
        for (text, canonical, served_by, version) in [
            ("debian", "docker.io/library/debian:latest", "registry-1.docker.io", "latest"),
            ("debian:13", "docker.io/library/debian:13", "registry-1.docker.io", "13"),
            ("docker.io/debian:13", "docker.io/library/debian:13", "registry-1.docker.io", "13"),
            ("index.docker.io/debian", "docker.io/library/debian:latest", "registry-1.docker.io", "latest"),
            ("library/debian", "docker.io/library/debian:latest", "registry-1.docker.io", "latest"),
            ("grafana/grafana:1", "docker.io/grafana/grafana:1", "registry-1.docker.io", "1"),
            ("ghcr.io/a/b/c:v1.0-x_y", "ghcr.io/a/b/c:v1.0-x_y", "ghcr.io", "v1.0-x_y"),
            ("localhost/app", "localhost/app:latest", "localhost", "latest"),
            ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000", "1"),
            // No slash, so that what follows the colon is a tag.
            ("localhost:5000", "docker.io/library/localhost:5000", "registry-1.docker.io", "5000"),
            ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000", "latest"),
            ("R/app", "R/app:latest", "R", "latest"),
            ("a.b:80/x__y/z---w", "a.b:80/x__y/z---w:latest", "a.b:80", "latest"),
        ] {
            let parsed: Reference = text.parse().unwrap();
            assert_eq!((parsed.to_string(), parsed.api_host()), (canonical.to_owned(), served_by), "{text}");
            assert_eq!(parsed.version(), version, "{text}");
            assert_eq!(canonical.parse::<Reference>().unwrap(), parsed);
        }
        let both: Reference = format!("a.b/c:1@{DIGEST}").parse().unwrap();
        assert_eq!((both.to_string(), both.version()), (format!("a.b/c:1@{DIGEST}"), DIGEST.to_owned()));
        let digest: Reference = format!("a.b/c@{DIGEST}").parse().unwrap();
        assert_eq!(digest.to_string(), format!("a.b/c@{DIGEST}"));
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_part_that_is_wrong() {
        for (text, expected) in [
            ("", "is no name of a repository"),
            ("Debian", "is no name of a repository"),
            ("a.b/", "is no name of a repository"),
            ("a.b//c", "is no name of a repository"),
            ("a.b/c/", "is no name of a repository"),
            ("a.b/c___d", "is no name of a repository"),
            ("a.b/-c", "is no name of a repository"),
            ("a.b/c/../../d", "is no name of a repository"),
            ("a.b/c?d", "is no name of a repository"),
            ("a.b:/c", "is no host"),
            ("a.b:0/c", "is no host"),
            ("a.b:99999/c", "is no host"),
            ("a..b/c", "is no host"),
            ("-a.b/c", "is no host"),
            ("user:word@a.b/c", "is no digest"),
            ("[::x]:5/c", "is no host"),
            ("a.b/c:", "is no tag"),
            ("a.b/c:-1", "is no tag"),
            ("a.b/c:1 2", "is no tag"),
            ("a.b/c@sha512:00", "is no digest"),
            ("a.b/c@", "is no digest"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        let long = format!("a.b/{}", "c".repeat(252));
        assert!(matches!(long.parse::<Reference>(), Err(ReferenceError::Length(_))));
        assert!(matches!(format!("a:{}", "c".repeat(129)).parse::<Reference>(), Err(ReferenceError::Tag(_))));
    }
}
