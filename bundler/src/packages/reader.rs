use super::apk::ApkReader;
use super::dpkg::DpkgReader;
use super::elf_data::ElfReader;
use super::package::{Distro, Package, text};
use super::python::{self, PythonReader};
use super::{go, npm};

/// A file that is looked into as a whole, in bytes: larger ones are no `package.json` that a person wrote.
const WHOLE_BYTES: u64 = 1 << 20;
/// The least that a program of Go's or Rust's has, in bytes.
const PROGRAM_BYTES: u64 = 16 << 10;

/// What is remembered of the packages of one file, in bytes of text.
const MOST_BYTES: usize = 1 << 20;

/// What a file may tell, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Dpkg,
    Apk,
    Npm,
    Python,
    OsRelease,
    Program,
    /// A database that is not read.
    Unread,
}

/// What a file has told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) packages: Vec<Package>,
    pub(crate) distro: Option<Distro>,
    /// Whether it tells of more packages than are remembered.
    pub(crate) is_cut: bool,
}

/// Reads a file as it passes by.
#[derive(Debug)]
pub(crate) struct FileReader {
    form: Form,
    told: Told,
    /// Packages that were counted, and the text that they have, in bytes.
    counted: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Form {
    Dpkg(DpkgReader),
    Apk(ApkReader),
    Python(PythonReader),
    Npm(Vec<u8>),
    OsRelease(Vec<u8>),
    Program(Box<ElfReader>),
}

impl FileKind {
    /// What the file at `path`, which has no leading `/`, may tell; none of the most.
    pub(crate) fn of(path: &str, size: u64, is_executable: bool) -> Option<Self> {
        match path {
            "var/lib/dpkg/status" => Some(Self::Dpkg),
            "lib/apk/db/installed" | "usr/lib/apk/db/installed" => Some(Self::Apk),
            "etc/os-release" | "usr/lib/os-release" if size <= WHOLE_BYTES => Some(Self::OsRelease),
            _ if is_rpm_database(path) => Some(Self::Unread),
            _ if path.starts_with("var/lib/dpkg/status.d/") && !path.ends_with(".md5sums") => Some(Self::Dpkg),
            _ if npm::is_package(path) => (size <= WHOLE_BYTES).then_some(Self::Npm),
            _ if python::is_package(path) => Some(Self::Python),
            _ if is_executable && size >= PROGRAM_BYTES => Some(Self::Program),
            _ => None,
        }
    }

    /// The reader of such a file; none of one that is not read.
    pub(crate) fn reader(self) -> Option<FileReader> {
        let form = match self {
            Self::Dpkg => Form::Dpkg(DpkgReader::default()),
            Self::Apk => Form::Apk(ApkReader::default()),
            Self::Npm => Form::Npm(Vec::new()),
            Self::Python => Form::Python(PythonReader::default()),
            Self::OsRelease => Form::OsRelease(Vec::new()),
            Self::Program => Form::Program(Box::default()),
            Self::Unread => return None,
        };
        Some(FileReader { form, told: Told::default(), counted: 0, bytes: 0 })
    }
}

impl FileReader {
    /// Takes the next bytes of the file.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.form {
            Form::Dpkg(reader) => reader.update(bytes, &mut self.told.packages),
            Form::Apk(reader) => reader.update(bytes, &mut self.told.packages),
            Form::Python(reader) => reader.update(bytes),
            Form::Npm(whole) | Form::OsRelease(whole) => whole.extend_from_slice(bytes),
            Form::Program(reader) => reader.update(bytes),
        }
        self.bound();
    }

    /// Keeps no more packages than there is room for.
    fn bound(&mut self) {
        let packages = &mut self.told.packages;
        while let Some(package) = packages.get(self.counted).filter(|_| !self.told.is_cut) {
            self.bytes += package.bytes();
            self.counted += 1;
            self.told.is_cut = self.bytes > MOST_BYTES;
        }
        if self.told.is_cut {
            packages.truncate(self.counted);
        }
    }

    /// What the file has told.
    pub(crate) fn finish(mut self) -> Told {
        let told = &mut self.told;
        match std::mem::replace(&mut self.form, Form::Npm(Vec::new())) {
            Form::Dpkg(reader) => reader.finish(&mut told.packages),
            Form::Apk(reader) => reader.finish(&mut told.packages),
            Form::Python(reader) => told.packages.extend(reader.finish()),
            Form::Npm(whole) => told.packages.extend(npm::package(&whole)),
            Form::OsRelease(whole) => told.distro = distro(&whole),
            Form::Program(reader) => {
                let (build_info, crates) = reader.finish();
                told.packages.extend(build_info.iter().flat_map(go::packages));
                told.packages.extend(crates);
            }
        }
        self.bound();
        self.told
    }
}

fn is_rpm_database(path: &str) -> bool {
    ["var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/"]
        .iter()
        .filter_map(|folder| path.strip_prefix(folder))
        .any(|name| ["rpmdb.sqlite", "Packages.db", "Packages"].contains(&name))
}

/// The distribution of an os-release(5) file.
fn distro(file: &[u8]) -> Option<Distro> {
    let file = String::from_utf8_lossy(file);
    let value = |key: &str| {
        let mut values = file.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        values.next_back().and_then(|value| text(value.trim_matches(['"', '\''])))
    };
    Some(Distro { id: value("ID")?, version: value("VERSION_ID"), title: value("PRETTY_NAME") })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The packages of a file, which comes in pieces of each of several sizes.
    fn read(path: &str, content: &[u8]) -> Vec<String> {
        let told = [1, 7, 4096].map(|piece| {
            let mut reader = FileKind::of(path, content.len() as u64, true).unwrap().reader().unwrap();
            content.chunks(piece).for_each(|piece| reader.update(piece));
            reader.finish()
        });
        assert!(told.iter().all(|one| *one == told[0]), "whatever the pieces are");
        let licence =
            |package: &Package| package.licence.as_deref().map(|text| format!(" [{text}]")).unwrap_or_default();
        told[0].packages.iter().map(|package| format!("{}{}", package.purl(None), licence(package))).collect()
    }

    #[test]
    fn reads_the_databases_of_package_managers() {
        let status = "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nSource: curl-src (7.1-2)\n\
                      Version: 7.1-2+b1\nDescription: a\n Package: no\n\n\
                      Package: old\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: tz\nVersion: 2024a";
        let expected =
            ["pkg:deb/debian/curl@7.1-2%2Bb1?arch=amd64&upstream=curl-src%407.1-2", "pkg:deb/debian/tz@2024a"];
        assert_eq!(read("var/lib/dpkg/status", status.as_bytes()), expected);
        assert_eq!(read("var/lib/dpkg/status.d/curl", status.as_bytes()), expected);
        let installed = "C:Q1\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nL:Apache-2.0\no:openssl\nF:lib\nR:x\n\nP:musl\nV:1.2.4-r2\no:musl\n\n";
        assert_eq!(
            read("lib/apk/db/installed", installed.as_bytes()),
            [
                "pkg:apk/alpine/libcrypto3@3.1.4-r5?arch=x86_64&upstream=openssl [Apache-2.0]",
                "pkg:apk/alpine/musl@1.2.4-r2"
            ]
        );
    }

    #[test]
    fn reads_the_packages_of_languages() {
        let npm = |json: &str| read("app/node_modules/@a/b/package.json", json.as_bytes());
        assert_eq!(npm(r#"{"name": "@a/b", "version": "1.0.0", "license": "MIT"}"#), ["pkg:npm/%40a/b@1.0.0 [MIT]"]);
        assert_eq!(
            npm(r#"{"name": "b", "version": "1", "licenses": [{"type": "MIT", "url": "x"}, {"type": "BSD"}]}"#),
            ["pkg:npm/b@1 [MIT OR BSD]"]
        );
        for wrong in ["", "{}", r#"{"name": "b"}"#, r#"{"name": 1, "version": "1"}"#, r#"{"type": "module"}"#] {
            assert_eq!(npm(wrong), [""; 0], "{wrong}");
        }
        let metadata = "Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.2\nLicense: UNKNOWN\n\
                        Classifier: License :: OSI Approved :: MIT License\n\nVersion: 9\n";
        for path in ["usr/lib/python3/site-packages/foo-1.2.dist-info/METADATA", "x/dist-packages/foo-1.2.egg-info"] {
            assert_eq!(read(path, metadata.as_bytes()), ["pkg:pypi/foo-bar@1.2 [MIT License]"]);
        }
    }

    #[test]
    fn looks_into_few_files() {
        for (path, expected) in [
            ("app/node_modules/b/package.json", Some(FileKind::Npm)),
            ("node_modules/b/package.json", Some(FileKind::Npm)),
            ("node_modules/@a/b/package.json", Some(FileKind::Npm)),
            ("app/node_modules/b/test/package.json", None),
            ("app/package.json", None),
            ("usr/share/nodejs/@a/b/package.json", Some(FileKind::Npm)),
            ("node_modules/@a/package.json", None),
            ("var/lib/dpkg/status.d/a.md5sums", None),
            ("var/lib/dpkg/status-old", None),
            ("usr/lib/sysimage/rpm/rpmdb.sqlite", Some(FileKind::Unread)),
            ("usr/lib/os-release", Some(FileKind::OsRelease)),
            ("usr/bin/x", None),
        ] {
            assert_eq!(FileKind::of(path, 100, true), expected, "{path}");
        }
        assert_eq!(FileKind::of("usr/bin/x", PROGRAM_BYTES, true), Some(FileKind::Program));
        assert_eq!(FileKind::of("usr/bin/x", PROGRAM_BYTES, false), None);
    }

    #[test]
    fn knows_the_distribution() {
        let file = b"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\nHOME_URL=x\n";
        let found = distro(file).unwrap();
        assert_eq!((&*found.id, found.version.as_deref()), ("debian", Some("12")));
        assert_eq!(distro(b"NAME=x"), None);
    }
}
