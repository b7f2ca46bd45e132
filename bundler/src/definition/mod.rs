//! Bundle definitions: TOML text becomes a typed [`Definition`], and nothing here touches what it refers to.

mod add_table;
mod arch_table;
mod archive_path;
mod database_table;
mod definition_line;
mod error;
mod examination;
mod expand;
mod file_source;
mod image;
mod image_path;
mod image_source;
mod package_table;
mod process;
#[cfg(test)]
mod reference;
mod schema;
mod tables;
mod tenant_table;
#[cfg(test)]
mod tests;
mod text;
mod validate;
mod variables;
mod wording;

pub(crate) use add_table::{Addition, FileOwner};
pub(crate) use archive_path::ArchivePath;
pub(crate) use database_table::database_of_this_build;
pub(crate) use definition_line::DefinitionLine;
pub(crate) use error::DefinitionError;
pub(crate) use examination::Examination;
pub(crate) use file_source::FileSource;
pub(crate) use image_source::{ImageSource, ImageSourceSyntaxError};
pub(crate) use package_table::{Mirror, PackageOrigin, PackageSection};
pub(crate) use process::Process;
pub(crate) use schema::{SCHEMA, SCHEMA_FILE};
pub(crate) use variables::{TARGET_ARCH, Variables, is_name};

use text::DefinitionText;
use validate::Problems;

use landfall_keys::PublicKey;
use landfall_manifests::{Arch, BundlePath, Database, Digest, Encoding, ImageName, Product, Serial, Tenant, Version};
use serde::Deserialize;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A definition, in bytes: thousands of images and files fit.
const DEFINITION_BYTES: u64 = 1 << 20;

/// What a bundle is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Of its text, as it is in its file.
    pub(crate) digest: Digest,
    pub(crate) release: ReleaseSection,
    pub(crate) runtime: RuntimeSection,
    /// Sorted by name; names are unique.
    pub(crate) images: Vec<ImageSection>,
    pub(crate) files: Vec<FileSection>,
    pub(crate) packages: Vec<PackageSection>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseSection {
    pub(crate) product: Product,
    pub(crate) version: Version,
    pub(crate) serial: Serial,
    /// Those of the hosts; none for that of the machine that builds.
    pub(crate) archs: Vec<Arch>,
    pub(crate) min_upgrade_from: Option<Version>,
    pub(crate) created: Option<jiff::Timestamp>,
    /// How layers that arrive uncompressed are stored.
    pub(crate) compression: Encoding,
    /// How much work that takes, where it is not the usual one.
    pub(crate) compression_level: Option<u32>,
    /// Whether the release tells what is in it and how it was built.
    pub(crate) evidence: bool,
    pub(crate) keys: Vec<PublicKey>,
    /// The folder of the publisher's trust roots.
    pub(crate) trust: Option<SourcePath>,
}

/// A file that the definition names, and the line that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourcePath {
    pub(crate) path: PathBuf,
    pub(crate) line: DefinitionLine,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuntimeSection {
    pub(crate) binary: Option<SourcePath>,
    pub(crate) installer: Option<SourcePath>,
    pub(crate) config: Option<SourcePath>,
    /// What its own `binary` does with a host's database.
    pub(crate) database: Option<Database>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageSection {
    pub(crate) name: ImageName,
    pub(crate) source: ImageSource,
    /// Where `source` is the image's base: what is put onto it.
    pub(crate) additions: Option<Vec<Addition>>,
    /// The source as it is written in the definition, with its variables and without the folders of an absolute path: it tells
    /// where an image came from, but not what the building machine's folders are called.
    pub(crate) source_text: String,
    /// The key that has to have signed it.
    pub(crate) cosign: Option<SourcePath>,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) process: Process,
    pub(crate) owners: Owners,
    pub(crate) line: DefinitionLine,
}

/// Whose the files of an image made from a folder are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Owners {
    /// Root's, whoever builds.
    #[default]
    Root,
    /// Those of the folder's files, by number.
    Keep,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSection {
    pub(crate) source: FileSource,
    pub(crate) path: BundlePath,
}

impl Definition {
    /// Reads a definition file of at most 1 MiB: for each architecture that it names, the definition of its bundle.
    pub(crate) fn read_each(file: &Path, variables: &Variables) -> Result<Vec<Self>, DefinitionError> {
        let text = Self::read_text(file)?;
        let parse = |variables: &Variables| Self::parse(&text, file, variables);
        let archs =
            |parsed: &Result<Self, _>| parsed.as_ref().map_or_else(|_| Vec::new(), |parsed| parsed.archs().to_vec());
        for_each_arch(variables, parse, archs).into_iter().map(|(arch, parsed)| Ok(parsed?.for_arch(arch))).collect()
    }

    /// The architectures that it names.
    pub(crate) fn archs(&self) -> &[Arch] {
        &self.release.archs
    }

    /// The definition of the bundle for one of them.
    pub(crate) fn for_arch(mut self, arch: Option<Arch>) -> Self {
        self.release.archs = arch.into_iter().collect();
        self
    }

    /// Reads the text of a definition file of at most 1 MiB.
    pub(crate) fn read_text(file: &Path) -> Result<String, DefinitionError> {
        let cannot = |source| DefinitionError::Read { file: file.to_owned(), source };
        let mut text = String::new();
        // One byte more than is allowed shows that there is more.
        let read = File::open(file).map_err(cannot)?.take(DEFINITION_BYTES + 1).read_to_string(&mut text);
        if read.map_err(cannot)? as u64 > DEFINITION_BYTES {
            return Err(DefinitionError::TooLarge { file: file.to_owned(), limit: DEFINITION_BYTES });
        }
        Ok(text)
    }

    /// Parses the text of the definition at `file`; paths in it are relative to the folder of `file`.
    pub(crate) fn parse(text: &str, file: &Path, variables: &Variables) -> Result<Self, DefinitionError> {
        let digest = Digest::of(text.as_bytes());
        let text = &expand::with_numbers(text, variables);
        let text = DefinitionText { text, file, digest };
        let (table, originals) = expand::parse(&text, variables)?;
        let mut problems = Problems::default();
        let definition = validate::definition(&text, table, &originals, &mut problems);
        problems.into_sorted().into_iter().next().map_or(Ok(definition), Err)
    }
}

/// What `read` makes of a text for each architecture that it names, with `${TARGETARCH}` as that. Where it names none, it is for the machine that builds.
pub(crate) fn for_each_arch<T>(
    variables: &Variables,
    read: impl Fn(&Variables) -> T,
    archs: impl Fn(&T) -> Vec<Arch>,
) -> Vec<(Option<Arch>, T)> {
    // Which architectures there are may be in a variable, too, so that the text is read before they are known.
    let own = Arch::of_this_program();
    let first = read(&variables.for_arch(own));
    match *archs(&first) {
        [] => vec![(None, first)],
        [arch] if Some(arch) == own => vec![(own, first)],
        ref archs => archs.iter().map(|arch| (Some(*arch), read(&variables.for_arch(Some(*arch))))).collect(),
    }
}
