//! `/var/lib/dpkg/status`, and `status.d/` of images without dpkg: paragraphs of fields (deb-control(5)).

use super::lines::Lines;
use super::package::{Package, PackageKind, text};

#[derive(Debug, Default)]
pub(super) struct DpkgReader {
    lines: Lines,
    paragraph: Paragraph,
}

#[derive(Debug, Default)]
struct Paragraph {
    name: String,
    version: String,
    arch: Option<Box<str>>,
    source: Option<Box<str>>,
    maintainer: Option<Box<str>>,
    /// Removed, and only its settings are there; or half there.
    is_absent: bool,
}

impl DpkgReader {
    pub(super) fn update(&mut self, bytes: &[u8], found: &mut Vec<Package>) {
        let paragraph = &mut self.paragraph;
        self.lines.update(bytes, |line| paragraph.take(line, found));
    }

    pub(super) fn finish(mut self, found: &mut Vec<Package>) {
        let paragraph = &mut self.paragraph;
        self.lines.finish(|line| paragraph.take(line, found));
        self.paragraph.end(found);
    }
}

impl Paragraph {
    fn take(&mut self, line: &str, found: &mut Vec<Package>) {
        if line.trim().is_empty() {
            return self.end(found);
        }
        // A line that begins with a blank goes on with the field before.
        let Some((field, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) else { return };
        let value = value.trim();
        match field.to_ascii_lowercase().as_str() {
            "package" => value.clone_into(&mut self.name),
            "version" => value.clone_into(&mut self.version),
            "architecture" => self.arch = text(value),
            "source" => self.source = text(value),
            "maintainer" => self.maintainer = text(value),
            "status" => self.is_absent = value.split_whitespace().next_back() != Some("installed"),
            _ => {}
        }
    }

    fn end(&mut self, found: &mut Vec<Package>) {
        let Self { name, version, arch, source, maintainer, is_absent } = std::mem::take(self);
        if is_absent {
            return;
        }
        // `NAME`, or `NAME (VERSION)` where the source's is another version.
        let source = source.and_then(|source| match source.split_once(" (") {
            Some((name, version)) => text(&format!("{name}@{}", version.trim_end_matches(')'))),
            None => Some(source),
        });
        let package = Package::new(PackageKind::Deb, &name, &version);
        found.extend(package.map(|package| Package { arch, source, supplier: maintainer, ..package }));
    }
}
