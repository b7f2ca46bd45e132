//! From the definition's tables to a [`Definition`]: checks what the types cannot express, and names the line of what is wrong.

use super::database_table::DatabaseTable;
use super::expand::OriginalStrings;
use super::image::image;
use super::tables::{DefinitionTable, FileTable, ReleaseTable, RuntimeTable};
use super::text::DefinitionText;
use super::{Definition, DefinitionError, DefinitionLine, FileSection, ImageSection, ReleaseSection, RuntimeSection};
use landfall_manifests::{Database, Encoding, ImageName, Tenant};
use toml::Spanned;

pub(super) fn definition(
    text: &DefinitionText<'_>,
    table: DefinitionTable,
    originals: &OriginalStrings,
) -> Result<Definition, DefinitionError> {
    let images = table.image.into_iter().map(|table| image(text, table, originals));
    let mut images = images.collect::<Result<Vec<_>, _>>()?;
    // Equal names by line, so that the later one is reported as the repetition.
    images.sort_by(|a, b| (&a.name, a.line.number).cmp(&(&b.name, b.line.number)));
    if let Some([first, second]) = images.array_windows().find(|[a, b]| a.name == b.name) {
        let message = format!("the image {} is defined already, in line {}", first.name, first.line.number);
        return Err(DefinitionError::Wrong { line: second.line.clone(), message });
    }
    choose_canary(&mut images)?;
    let files = table.file.into_iter().map(|table| file(text, table)).collect::<Result<Vec<_>, _>>()?;
    Ok(Definition { release: release(text, table.release)?, runtime: runtime(text, &table.runtime)?, images, files })
}

fn release(text: &DefinitionText<'_>, table: ReleaseTable) -> Result<ReleaseSection, DefinitionError> {
    let created = table.created.map(|written| {
        let parsed: Result<jiff::Timestamp, _> = written.get_ref().parse();
        parsed.map_err(|_| {
            let message = format!("{:?} is not a time such as 2026-11-22T00:00:00Z (RFC 3339)", written.get_ref());
            text.wrong(written.span().start, message)
        })
    });
    Ok(ReleaseSection {
        product: table.product,
        version: table.version,
        serial: table.serial,
        arch: table.arch,
        min_upgrade_from: table.min_upgrade_from,
        created: created.transpose()?,
        compression: table.compression.unwrap_or(Encoding::Zstd),
        keys: table.keys,
        trust: table.trust.as_ref().map(|path| text.source_path(path)).transpose()?,
    })
}

fn runtime(text: &DefinitionText<'_>, table: &RuntimeTable) -> Result<RuntimeSection, DefinitionError> {
    let named = |path: &Option<Spanned<String>>| path.as_ref().map(|path| text.source_path(path)).transpose();
    Ok(RuntimeSection {
        binary: named(&table.binary)?,
        installer: named(&table.installer)?,
        config: named(&table.config)?,
        database: table.database.as_ref().map(|written| database(text, written, table.binary.is_some())).transpose()?,
    })
}

/// What the bundler's own runtime does with a database is known; of another `binary`, the definition has to tell it.
fn database(
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
    let path = table.path.into_inner();
    if path.is_reserved()
        || ["bin", "units", "config.toml", "evidence"].into_iter().any(|reserved| path.is_within(reserved))
    {
        let reserved = "bin/, units/, evidence/, config.toml, landfall.json* and .landfall.json* are the release's own";
        return Err(text.wrong(at, format!("a file cannot be at {path}: {reserved}")));
    }
    Ok(FileSection { source: text.source_path(&table.source)?, path })
}
