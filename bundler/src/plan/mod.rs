//! What is to be done, as a pure function of the definition and of what this machine is like.

mod derived_image;
mod source_job;

pub(crate) use derived_image::DerivedImage;
pub(crate) use source_job::{RequestedImage, Source, SourceJob};

use crate::build_host::BuildHost;
use crate::definition::{
    Definition, DefinitionLine, FileSource, ImageSection, PackageOrigin, PackageSection, SourcePath,
    database_of_this_build,
};
use crate::program_pages::DocumentedProgram;
use landfall_keys::PublicKey;
use landfall_manifests::{
    Arch, BundlePath, Database, Digest, Encoding, ImageName, Mode, Os, Product, Serial, Tenant, Version, sbom,
};
use std::path::{Path, PathBuf};
use url::Url;

/// The path of the runtime's settings in a release.
pub(crate) const CONFIG_PATH: &str = "config.toml";
/// The path of what says how the release was built.
pub(crate) const PROVENANCE_PATH: &str = "evidence/provenance.json";
/// The settings that are packed unless the definition names others: the runtime's own defaults.
const DEFAULT_CONFIG: &str = include_str!("../../../host/config.toml");
const PROGRAM: u32 = 0o755;
const TEXT: u32 = 0o644;

/// Everything that a bundle is made of. None of it has been read yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The digest of the definition's text.
    pub(crate) definition: Digest,
    pub(crate) release: ReleaseMetadata,
    /// How layers that arrive uncompressed are stored.
    pub(crate) layer_encoding: Encoding,
    /// Whether the release has bills of materials, and says how it was built.
    pub(crate) evidence: bool,
    /// How much work that takes, where it is not the usual one.
    pub(crate) compression_level: Option<u32>,
    /// When what has no time of its own was changed: seconds since 1970.
    pub(crate) mtime: u64,
    pub(crate) files: Vec<PlannedFile>,
    /// Folders whose files are found when they are walked.
    pub(crate) trees: Vec<PlannedTree>,
    pub(crate) downloads: Vec<PlannedDownload>,
    /// Sorted by name.
    pub(crate) images: Vec<PlannedImage>,
    /// In the order in which they are worked on; each opens one source.
    pub(crate) jobs: Vec<SourceJob>,
    /// Images whose bases are among those of the jobs. They are made after all of these.
    pub(crate) derived: Vec<DerivedImage>,
    /// Packages for hosts without an engine.
    pub(crate) packages: Vec<PackageSection>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseMetadata {
    pub(crate) product: Product,
    pub(crate) version: Version,
    pub(crate) serial: Serial,
    pub(crate) arch: Arch,
    pub(crate) created: Option<String>,
    pub(crate) min_upgrade_from: Option<Version>,
    pub(crate) database: Option<Database>,
    pub(crate) keys: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedFile {
    pub(crate) path: BundlePath,
    pub(crate) mode: Mode,
    pub(crate) content: FileContent,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FileContent {
    /// Text that is part of this program.
    Text(&'static str),
    /// A program for the release's processor.
    Program { path: PathBuf, line: Option<DefinitionLine> },
    /// A settings file.
    File { path: PathBuf, line: DefinitionLine },
    /// A page about a program.
    Page(PathBuf),
}

/// A file or a folder: which of the two is known when it is opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedTree {
    pub(crate) path: BundlePath,
    pub(crate) source: SourcePath,
    /// What a file has to be.
    pub(crate) digest: Option<Digest>,
}

/// A file of a web server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedDownload {
    pub(crate) path: BundlePath,
    pub(crate) url: Url,
    /// What it has to be.
    pub(crate) digest: Digest,
    pub(crate) line: DefinitionLine,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedImage {
    pub(crate) name: ImageName,
    pub(crate) source_text: String,
    /// The key that has to have signed it.
    pub(crate) cosign: Option<SourcePath>,
    pub(crate) tenant: Option<Tenant>,
}

/// A bundle cannot be planned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("the definition has no arch, and there are no releases for this machine's processor")]
    Arch,
}

impl ReleaseMetadata {
    /// As [`landfall_manifests::Release::platform`].
    pub(crate) fn platform(&self) -> String {
        format!("{}/{}", Os::Linux.name(), self.arch.name())
    }

    /// As [`landfall_manifests::Release::delta_file_name`].
    pub(crate) fn delta_file_name(&self) -> String {
        format!("{}-{}-{}-{}.delta.landfall.tar", self.product, self.version, Os::Linux.name(), self.arch.name())
    }

    /// As [`landfall_manifests::Release::file_name`].
    pub(crate) fn file_name(&self) -> String {
        let os = Os::Linux.name();
        format!("{}-{}-{os}-{}.landfall.tar", self.product, self.version, self.arch.name())
    }
}

impl Plan {
    /// Decides what a bundle of `definition` is made of.
    pub(crate) fn new(definition: &Definition, host: &BuildHost) -> Result<Self, PlanError> {
        let section = &definition.release;
        let created = section.created.or(host.source_date_epoch);
        let mut keys: Vec<String> = host.keys.iter().chain(&section.keys).map(PublicKey::to_line).collect();
        // The order of --key must not change the bytes, and a key that signs may be in the definition too.
        keys.sort();
        keys.dedup();
        let release = ReleaseMetadata {
            product: section.product.clone(),
            version: section.version.clone(),
            serial: section.serial,
            arch: section.archs.first().copied().or(host.arch).ok_or(PlanError::Arch)?,
            created: created.map(|time| time.to_string()),
            min_upgrade_from: section.min_upgrade_from.clone(),
            database: Some(definition.runtime.database.unwrap_or_else(database_of_this_build)),
            keys,
        };
        let trees = definition.files.iter().filter_map(|file| match &file.source {
            FileSource::Path { source, digest } => {
                Some(PlannedTree { path: file.path.clone(), source: source.clone(), digest: *digest })
            }
            FileSource::Address { .. } => None,
        });
        let downloads = definition.files.iter().filter_map(|file| match &file.source {
            FileSource::Address { url, digest, line } => {
                let (path, url, line) = (file.path.clone(), url.clone(), line.clone());
                Some(PlannedDownload { path, url, digest: *digest, line })
            }
            FileSource::Path { .. } => None,
        });
        Ok(Self {
            definition: definition.digest,
            release,
            layer_encoding: section.compression,
            evidence: section.evidence,
            compression_level: section.compression_level,
            // 1970 where no time is given: the clock of the machine that builds must not show in the bytes.
            mtime: created.map_or(0, |time| u64::try_from(time.as_second()).unwrap_or_default()),
            files: files(definition, host),
            trees: trees.collect(),
            downloads: downloads.collect(),
            images: definition.images.iter().map(planned).collect(),
            jobs: source_job::jobs(&definition.images),
            derived: definition.images.iter().filter_map(DerivedImage::of).collect(),
            packages: definition.packages.clone(),
        })
    }

    /// The files that are made of what was packed.
    pub(crate) fn evidence_paths(&self) -> Vec<BundlePath> {
        if !self.evidence {
            return Vec::new();
        }
        let own = [sbom::BUNDLE_PATH, PROVENANCE_PATH].map(own_path);
        own.into_iter().chain(self.images.iter().map(|image| sbom::image_path(&image.name))).collect()
    }

    /// Whether a file is a program of Landfall's that belongs to this one: the definition names no other.
    pub(crate) fn is_own_program(&self, path: &BundlePath) -> bool {
        let is_own = |file: &PlannedFile| matches!(file.content, FileContent::Program { line: None, .. });
        self.files.iter().any(|file| file.path == *path && is_own(file))
    }

    /// Files that are not part of this program and that no tree has.
    pub(crate) fn outside_files(&self) -> impl Iterator<Item = &BundlePath> {
        let files = self.files.iter().filter(|file| !matches!(file.content, FileContent::Text(_)));
        files.map(|file| &file.path).chain(self.downloads.iter().map(|download| &download.path))
    }

    /// The files, and the folders of which everything is packed, with the lines that name them.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&DefinitionLine, &Path)> {
        let trees = self.trees.iter().map(|tree| (&tree.source.line, tree.source.path.as_path()));
        let jobs = self.jobs.iter().filter_map(|job| match &job.source {
            Source::OciArchive(path) | Source::DockerArchive(path) => Some((&job.images[0].line, path.file()?)),
            Source::Rootfs { folder, .. } => Some((&job.images[0].line, folder.as_path())),
            // Of a layout's folder only the images' own blobs are packed, whatever else is in it.
            Source::Registry | Source::OciFolder(_) | Source::Directory(_) | Source::DockerDaemon => None,
        });
        let additions = self.derived.iter().flat_map(|image| &image.additions);
        let added = additions.map(|addition| (&addition.source.line, addition.source.path.as_path()));
        let packages = self.packages.iter().filter_map(|section| match &section.origin {
            PackageOrigin::Files(source) => Some((&source.line, source.path.as_path())),
            PackageOrigin::Names { .. } => None,
        });
        trees.chain(jobs).chain(added).chain(packages)
    }
}

fn planned(image: &ImageSection) -> PlannedImage {
    let ImageSection { name, source_text, cosign, tenant, .. } = image.clone();
    PlannedImage { name, source_text, cosign, tenant }
}

/// The files that every release has: both programs, their pages, the units, the settings.
fn files(definition: &Definition, host: &BuildHost) -> Vec<PlannedFile> {
    let runtime = &definition.runtime;
    let program = |name: &str, named: &Option<SourcePath>| {
        let (path, line) = match named {
            Some(named) => (named.path.clone(), Some(named.line.clone())),
            None => (host.programs.join(name), None),
        };
        file(&format!("bin/{name}"), PROGRAM, FileContent::Program { path, line })
    };
    let units = landfall_systemd::TEMPLATES.iter();
    let units = units.map(|(name, text)| file(&format!("units/{name}"), TEXT, FileContent::Text(text)));
    let config = match &runtime.config {
        Some(named) => FileContent::File { path: named.path.clone(), line: named.line.clone() },
        None => FileContent::Text(DEFAULT_CONFIG),
    };
    let programs = [program("landfall", &runtime.binary), program("landfall-installer", &runtime.installer)];
    // A definition's own program is not the one that these pages describe: it brings its own as files.
    let described = host.pages.iter().filter(|page| match page.program {
        DocumentedProgram::Runtime => runtime.binary.is_none(),
        DocumentedProgram::Installer => runtime.installer.is_none(),
    });
    let pages = described.map(|page| PlannedFile {
        path: page.path.clone(),
        mode: Mode::of(TEXT),
        content: FileContent::Page(page.source.clone()),
    });
    programs.into_iter().chain(units).chain([file(CONFIG_PATH, TEXT, config)]).chain(pages).collect()
}

fn file(path: &str, mode: u32, content: FileContent) -> PlannedFile {
    PlannedFile { path: own_path(path), mode: Mode::of(mode), content }
}

/// A path that is written in this program.
pub(crate) fn own_path(path: &str) -> BundlePath {
    #[expect(clippy::expect_used, reason = "every path here is written in this program")]
    path.parse().expect("a path that a release may hold")
}
