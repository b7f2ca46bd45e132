//! From the definition's tables to a [`Definition`]: checks what the types cannot express, and names the line of what is wrong.

use super::database_table::DatabaseTable;
use super::expand::OriginalStrings;
use super::image::image;
use super::tables::{DefinitionTable, FileTable, ReleaseTable, RuntimeTable};
use super::text::DefinitionText;
use super::{
    Definition, DefinitionError, DefinitionLine, FileSection, FileSource, ImageSection, ImageSource, PackageSection,
    ReleaseSection, RuntimeSection,
};
use landfall_manifests::{Database, Encoding, ImageName, Tenant};
use toml::Spanned;

/// What is wrong with a definition, by line.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<DefinitionError>);

impl Problems {
    pub(super) fn add(&mut self, error: DefinitionError) {
        self.0.push(error);
    }

    /// What there is, or else its problem is noted.
    fn keep<T>(&mut self, outcome: Result<T, DefinitionError>) -> Option<T> {
        outcome.map_err(|error| self.add(error)).ok()
    }

    /// In the order of the definition's lines.
    pub(super) fn into_sorted(mut self) -> Vec<DefinitionError> {
        self.0.sort_by_key(|error| match error {
            DefinitionError::Wrong { line, .. } => line.number,
            DefinitionError::Read { .. } | DefinitionError::TooLarge { .. } => 0,
        });
        self.0
    }
}

/// The definition that tables make. What is wrong is noted in `problems`, and left out: the definition is one to build only if there
/// are none.
pub(super) fn definition(
    text: &DefinitionText<'_>,
    table: DefinitionTable,
    originals: &OriginalStrings,
    problems: &mut Problems,
) -> Definition {
    let images = table.image.into_iter().filter_map(|table| problems.keep(image(text, table, originals)));
    let mut images: Vec<ImageSection> = images.collect();
    // Equal names by line, so that the later one is reported as the repetition.
    images.sort_by(|a, b| (&a.name, a.line.number).cmp(&(&b.name, b.line.number)));
    for [first, second] in images.array_windows().filter(|[a, b]| a.name == b.name) {
        let message = format!("the image {} is defined already, in line {}", first.name, first.line.number);
        problems.add(DefinitionError::Wrong { line: second.line.clone(), message });
    }
    images.dedup_by(|second, first| second.name == first.name);
    problems.keep(check_standard_input(&images));
    problems.keep(choose_canary(&mut images));
    let files = table.file.into_iter().filter_map(|table| problems.keep(file(text, table))).collect();
    let packages = table.package.iter().filter_map(|table| problems.keep(PackageSection::of(text, table))).collect();
    let release = release(text, table.release, problems);
    let runtime = runtime(text, &table.runtime, problems);
    Definition { digest: text.digest, release, runtime, images, files, packages }
}

/// Standard input is read once: several images may be in one archive, which is of one form.
fn check_standard_input(images: &[ImageSection]) -> Result<(), DefinitionError> {
    let is_read = |image: &&ImageSection| match &image.source {
        ImageSource::DockerArchive { file, .. } | ImageSource::OciArchive { file, .. } => file.file().is_none(),
        _ => false,
    };
    let mut readers: Vec<&ImageSection> = images.iter().filter(is_read).collect();
    readers.sort_by_key(|image| image.line.number);
    let form = |image: &ImageSection| std::mem::discriminant(&image.source);
    match readers.array_windows().find(|[one, other]| form(one) != form(other)) {
        Some([_, other]) => {
            let message = "standard input is read as an archive of another form already";
            Err(DefinitionError::Wrong { line: other.line.clone(), message: message.to_owned() })
        }
        None => Ok(()),
    }
}

fn release(text: &DefinitionText<'_>, table: ReleaseTable, problems: &mut Problems) -> ReleaseSection {
    let created = table.created.map(|written| {
        let parsed: Result<jiff::Timestamp, _> = written.get_ref().parse();
        parsed.map_err(|_| {
            let message = format!("{:?} is not a time such as 2026-11-22T00:00:00Z (RFC 3339)", written.get_ref());
            text.wrong(written.span().start, message)
        })
    });
    let compression = table.compression.unwrap_or(Encoding::Zstd);
    ReleaseSection {
        product: table.product,
        version: table.version,
        serial: table.serial,
        archs: table.arch.unwrap_or_default().0,
        min_upgrade_from: table.min_upgrade_from,
        created: created.and_then(|created| problems.keep(created)),
        compression,
        compression_level: table
            .compression_level
            .and_then(|written| problems.keep(level(text, &written, compression))),
        evidence: table.evidence.unwrap_or(true),
        keys: table.keys,
        trust: table.trust.as_ref().and_then(|path| problems.keep(text.source_path(path))),
    }
}

fn level(text: &DefinitionText<'_>, written: &Spanned<u32>, compression: Encoding) -> Result<u32, DefinitionError> {
    let (name, most) = match compression {
        Encoding::Zstd => ("zstd", 19),
        Encoding::Gzip => ("gzip", 9),
    };
    let level = *written.get_ref();
    if (1..=most).contains(&level) {
        return Ok(level);
    }
    let message = format!("compression_level is {level}: with {name}, it has to be from 1 to {most}");
    Err(text.wrong(written.span().start, message))
}

fn runtime(text: &DefinitionText<'_>, table: &RuntimeTable, problems: &mut Problems) -> RuntimeSection {
    let mut named =
        |path: &Option<Spanned<String>>| path.as_ref().and_then(|path| problems.keep(text.source_path(path)));
    let (binary, installer, config) = (named(&table.binary), named(&table.installer), named(&table.config));
    let database = table.database.as_ref();
    let database = database.and_then(|written| problems.keep(database_of(text, written, table.binary.is_some())));
    RuntimeSection { binary, installer, config, database }
}

/// What the bundler's own runtime does with a database is known; of another `binary`, the definition has to tell it.
fn database_of(
    text: &DefinitionText<'_>,
    written: &Spanned<DatabaseTable>,
    own_binary: bool,
) -> Result<Database, DefinitionError> {
    let at = written.span().start;
    let database = Database::from(*written.get_ref());
    if !own_binary {
        return Err(
            text.wrong(at, "database is only for a runtime that `binary` names: that of the default program is known")
        );
    }
    if !database.is_consistent() {
        let Database { schema, reversible_to } = database;
        return Err(text.wrong(at, format!("reversible_to is {reversible_to}: it must be from 1 to schema, {schema}")));
    }
    Ok(database)
}

/// Makes the first tenant image of the definition the canary, unless another one is. `images` are sorted by name: hosts do not see the
/// order in which the definition has them.
fn choose_canary(images: &mut [ImageSection]) -> Result<(), DefinitionError> {
    let mut tenants: Vec<(usize, &ImageName, &DefinitionLine, &mut Tenant)> = images
        .iter_mut()
        .filter_map(|image| Some((image.line.number, &image.name, &image.line, image.tenant.as_mut()?)))
        .collect();
    tenants.sort_by_key(|(number, ..)| *number);
    let mut canaries = tenants.iter().filter(|(.., tenant)| tenant.canary);
    match (canaries.next(), canaries.next()) {
        (Some((_, first, ..)), Some((_, _, line, _))) => {
            let message = format!("{first} is the canary already: the self-check tries one image");
            Err(DefinitionError::Wrong { line: (*line).clone(), message })
        }
        (Some(_), None) => Ok(()),
        (None, _) => {
            if let Some((.., tenant)) = tenants.first_mut() {
                tenant.canary = true;
            }
            Ok(())
        }
    }
}

fn file(text: &DefinitionText<'_>, table: FileTable) -> Result<FileSection, DefinitionError> {
    let at = table.path.span().start;
    let source = FileSource::of(text, &table)?;
    let path = table.path.into_inner();
    if path.is_reserved()
        || ["bin", "units", "config.toml", "evidence"].into_iter().any(|reserved| path.is_within(reserved))
    {
        let reserved = "bin/, units/, evidence/, config.toml, landfall.json* and .landfall.json* are the release's own";
        return Err(text.wrong(at, format!("a file cannot be at {path}: {reserved}")));
    }
    Ok(FileSection { source, path })
}
