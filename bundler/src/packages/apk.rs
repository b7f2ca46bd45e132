//! `/lib/apk/db/installed`: paragraphs of fields of one letter (apk-v2 of Alpine's wiki, "Installed Database V2").

use super::lines::Lines;
use super::package::{Package, PackageKind, text};

#[derive(Debug, Default)]
pub(super) struct ApkReader {
    lines: Lines,
    paragraph: Paragraph,
}

#[derive(Debug, Default)]
struct Paragraph {
    name: String,
    version: String,
    arch: Option<Box<str>>,
    origin: Option<Box<str>>,
    licence: Option<Box<str>>,
    maintainer: Option<Box<str>>,
}

impl ApkReader {
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
        let Some((field, value)) = line.split_once(':') else {
            return self.end(found);
        };
        match field {
            "P" => value.clone_into(&mut self.name),
            "V" => value.clone_into(&mut self.version),
            "A" => self.arch = text(value),
            "o" => self.origin = text(value),
            "L" => self.licence = text(value),
            "m" => self.maintainer = text(value),
            _ => {}
        }
    }

    fn end(&mut self, found: &mut Vec<Package>) {
        let Self { name, version, arch, origin, licence, maintainer } = std::mem::take(self);
        let package = Package::new(PackageKind::Apk, &name, &version);
        let source = origin.filter(|origin| **origin != *name);
        found.extend(package.map(|package| Package { arch, source, licence, supplier: maintainer, ..package }));
    }
}
