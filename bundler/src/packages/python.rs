//! `METADATA` and `PKG-INFO` of installed Python packages: the headers of a message (packaging.python.org, "Core metadata specifications").

use super::lines::Lines;
use super::package::{Package, PackageKind, text};

#[derive(Debug, Default)]
pub(super) struct PythonReader {
    lines: Lines,
    headers: Headers,
}

#[derive(Debug, Default)]
struct Headers {
    name: String,
    version: String,
    expression: Option<Box<str>>,
    licence: Option<Box<str>>,
    classifier: Option<Box<str>>,
    author: Option<Box<str>>,
    /// What follows is the description.
    are_over: bool,
}

impl PythonReader {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let headers = &mut self.headers;
        if !headers.are_over {
            self.lines.update(bytes, |line| headers.take(line));
        }
    }

    pub(super) fn finish(mut self) -> Option<Package> {
        let headers = &mut self.headers;
        self.lines.finish(|line| headers.take(line));
        let Headers { name, version, expression, licence, classifier, author, .. } = self.headers;
        let package = Package::new(PackageKind::Pypi, &name, &version)?;
        let licence = expression.or(licence.filter(|licence| **licence != *"UNKNOWN")).or(classifier);
        Some(Package { licence, supplier: author.filter(|author| **author != *"UNKNOWN"), ..package })
    }
}

impl Headers {
    fn take(&mut self, line: &str) {
        self.are_over |= line.is_empty();
        // A line that begins with a blank goes on with the header before.
        let Some((field, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) else { return };
        let value = value.trim();
        match field.to_ascii_lowercase().as_str() {
            _ if self.are_over => {}
            "name" => value.clone_into(&mut self.name),
            "version" => value.clone_into(&mut self.version),
            "license-expression" => self.expression = text(value),
            "license" => self.licence = text(value),
            "author" => self.author = text(value),
            "classifier" => {
                let licence = value.strip_prefix("License :: ").and_then(|rest| rest.rsplit(" :: ").next());
                self.classifier = self.classifier.take().or(licence.and_then(text));
            }
            _ => {}
        }
    }
}

/// Whether a path is that of a package's metadata. The oldest form is a file instead of a folder.
pub(super) fn is_package(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "METADATA" => folder.ends_with(".dist-info"),
        "PKG-INFO" => folder.ends_with(".egg-info"),
        other => other.ends_with(".egg-info") && folder.ends_with("-packages"),
    }
}
