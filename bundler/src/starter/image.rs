use crate::definition::{ImageSource, ImageSourceSyntaxError};
use landfall_manifests::{ImageName, limits};
use std::path::Path;

/// The first image of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StarterImage {
    pub(crate) name: ImageName,
    /// As it is written in the definition.
    pub(super) source: String,
}

/// What every archive's name ends with.
const ENDINGS: [&str; 4] = [".gz", ".zst", ".xz", ".tar"];

impl StarterImage {
    /// The image that an answer names: a source as definitions have it, or the path of a folder or of an archive that is there. A relative
    /// path in it is below the current folder; in a definition in `folder`, it is below that.
    pub(crate) fn of(answer: &str, folder: &Path) -> Result<Self, ImageSourceSyntaxError> {
        let source = with_transport(answer);
        ImageSource::parse(&source, folder)?;
        Ok(Self { name: name_of(&source), source: rebased(&source, folder) })
    }

    /// Whether the image is made from a folder.
    pub(super) fn is_folder(&self) -> bool {
        self.source.starts_with("rootfs:")
    }
}

/// A path that leads somewhere, with the transport for what is there.
fn with_transport(answer: &str) -> String {
    let path = Path::new(answer);
    let transport = match () {
        () if path.join("oci-layout").is_file() => "oci",
        () if path.is_dir() => "rootfs",
        () if path.is_file() => "docker-archive",
        () => return answer.to_owned(),
    };
    format!("{transport}:{answer}")
}

/// A source whose relative path is below the current folder, as a definition in `folder` has it.
fn rebased(source: &str, folder: &Path) -> String {
    let of_path = |(transport, _): &(&str, &str)| !["docker", "docker-daemon"].contains(transport);
    let Some((transport, rest)) = source.split_once(':').filter(of_path) else { return source.to_owned() };
    let (path, name) = match rest.split_once(':') {
        Some((path, name)) if transport != "rootfs" => (path, format!(":{name}")),
        _ => (rest, String::new()),
    };
    let (Ok(full), Ok(folder)) = (std::path::absolute(path), std::path::absolute(folder)) else {
        return source.to_owned();
    };
    match full.strip_prefix(&folder) {
        _ if Path::new(path).is_absolute() => source.to_owned(),
        Ok(inside) if inside.as_os_str().is_empty() => format!("{transport}:.{name}"),
        Ok(inside) => format!("{transport}:{}{name}", inside.display()),
        Err(_) => format!("{transport}:{}{name}", full.display()),
    }
}

/// A name for an image, from what its source calls it.
fn name_of(source: &str) -> ImageName {
    let (transport, rest) = source.split_once(':').unwrap_or(("", source));
    let rest = rest.split('@').next().unwrap_or_default();
    let rest =
        if transport == "rootfs" || rest.starts_with("//") { rest } else { rest.split(':').next().unwrap_or_default() };
    let last = rest.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let last = if transport.starts_with("docker") && !transport.ends_with("archive") {
        last.split(':').next().unwrap_or_default()
    } else {
        ENDINGS.iter().fold(last, |name, ending| name.strip_suffix(ending).unwrap_or(name))
    };
    #[expect(clippy::expect_used, reason = "words of letters and digits are a name")]
    as_word(last, limits::IMAGE_NAME_BYTES, "app").parse().expect("a name")
}

/// `text` in lower-case letters and digits, in words joined by `-`, of at most `most` bytes; `other` if nothing is left of it.
pub(crate) fn as_word(text: &str, most: usize, other: &str) -> String {
    let characters = text.chars().map(|character| character.to_ascii_lowercase());
    let spaced: String = characters.map(|one| if one.is_ascii_alphanumeric() { one } else { ' ' }).collect();
    let mut word = spaced.split_whitespace().collect::<Vec<_>>().join("-");
    word.truncate(most);
    let word = word.trim_end_matches('-');
    if word.is_empty() { other.to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_called_as_its_source_calls_it() {
        for (source, name) in [
            ("docker://debian:12", "debian"),
            ("docker://registry.lan:5000/team/Node_Express:1.0", "node-express"),
            ("docker://a/b@sha256:0123", "b"),
            ("docker-daemon:hello:1", "hello"),
            ("docker-archive:images/node.tar:node:1", "node"),
            ("docker-archive:images/node.tar.gz", "node"),
            ("oci:layout/:v1", "layout"),
            ("oci-archive:/srv/app.oci.tar", "app-oci"),
            ("rootfs:/srv/a:b/", "a-b"),
            ("rootfs:.", "app"),
            ("rootfs:../🦀", "app"),
        ] {
            assert_eq!(name_of(source).as_str(), name, "{source}");
        }
        assert_eq!(as_word("tmp.XyZ__9", 32, "acme"), "tmp-xyz-9");
        assert_eq!(as_word("aaaa bbbb", 5, "acme"), "aaaa");
        assert_eq!(as_word("…", 32, "acme"), "acme");
    }

    #[test]
    fn a_path_is_written_as_the_definition_sees_it() {
        let here = std::path::absolute(".").map(|path| path.display().to_string()).unwrap_or_default();
        let outside = format!("rootfs:{here}/root");
        for (source, folder, written) in [
            ("docker://debian:12", "site", "docker://debian:12"),
            ("rootfs:root", ".", "rootfs:root"),
            ("rootfs:./root/", ".", "rootfs:root"),
            ("rootfs:site/root", "site", "rootfs:root"),
            ("rootfs:site", "site", "rootfs:."),
            ("docker-archive:site/a.tar:b:1", "site", "docker-archive:a.tar:b:1"),
            ("oci:/srv/layout", "site", "oci:/srv/layout"),
            ("rootfs:root", "site", &outside),
        ] {
            assert_eq!(rebased(source, Path::new(folder)), written, "{source} in {folder:?}");
        }
    }
}
