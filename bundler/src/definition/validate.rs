//! From the written shape to a definition: what the types cannot say is checked here, and named by its line.

use super::expand::Written;
use super::place::{Place, line_of};
use super::shape::{FileShape, ImageShape, ReleaseShape, RuntimeShape, Shape};
use super::{
    Definition, DefinitionError, FileSection, ImageSection, NamedFile, Process, ReleaseSection, RuntimeSection, Source,
};
use crate::database::DatabaseShape;
use landfall_manifests::{Database, Tenant};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A definition's text and where it lies.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Path,
}

impl Text<'_> {
    pub(super) fn place(&self, offset: usize) -> Place {
        Place { file: self.file.to_owned(), line: line_of(self.text, offset) }
    }

    pub(super) fn wrong(&self, offset: usize, message: impl Into<String>) -> DefinitionError {
        DefinitionError::Wrong { place: self.place(offset), message: message.into() }
    }

    pub(super) fn toml(&self, error: &toml::de::Error) -> DefinitionError {
        let offset = error.span().map_or(0, |span| span.start);
        self.wrong(offset, error.message().trim_end())
    }

    fn base(&self) -> PathBuf {
        self.file.parent().map(Path::to_owned).unwrap_or_default()
    }

    fn named_file(&self, path: &Spanned<String>) -> Result<NamedFile, DefinitionError> {
        if path.get_ref().is_empty() {
            return Err(self.wrong(path.span().start, "this path is empty"));
        }
        Ok(NamedFile { path: self.base().join(path.get_ref()), place: self.place(path.span().start) })
    }
}

pub(super) fn definition(text: &Text<'_>, shape: Shape, written: &Written) -> Result<Definition, DefinitionError> {
    let images = shape.image.into_iter().map(|shape| image(text, shape, written));
    let mut images = images.collect::<Result<Vec<_>, _>>()?;
    images.sort_by(|a, b| (&a.name, a.place.line).cmp(&(&b.name, b.place.line)));
    if let Some([first, second]) = images.array_windows().find(|[a, b]| a.name == b.name) {
        let message = format!("the image {} is there already, in line {}", first.name, first.place.line);
        return Err(DefinitionError::Wrong { place: second.place.clone(), message });
    }
    let files = shape.file.into_iter().map(|shape| file(text, shape)).collect::<Result<Vec<_>, _>>()?;
    Ok(Definition { release: release(text, shape.release)?, runtime: runtime(text, &shape.runtime)?, images, files })
}

fn release(text: &Text<'_>, shape: ReleaseShape) -> Result<ReleaseSection, DefinitionError> {
    let created = shape.created.map(|written| {
        let parsed: Result<jiff::Timestamp, _> = written.get_ref().parse();
        parsed.map_err(|_| {
            let message = format!("{:?} is no time such as 2026-11-22T00:00:00Z (RFC 3339)", written.get_ref());
            text.wrong(written.span().start, message)
        })
    });
    Ok(ReleaseSection {
        product: shape.product,
        version: shape.version,
        serial: shape.serial,
        arch: shape.arch,
        min_upgrade_from: shape.min_upgrade_from,
        created: created.transpose()?,
        keys: shape.keys,
        trust: shape.trust.as_ref().map(|path| text.named_file(path)).transpose()?,
    })
}

fn runtime(text: &Text<'_>, shape: &RuntimeShape) -> Result<RuntimeSection, DefinitionError> {
    let named = |path: &Option<Spanned<String>>| path.as_ref().map(|path| text.named_file(path)).transpose();
    Ok(RuntimeSection {
        binary: named(&shape.binary)?,
        installer: named(&shape.installer)?,
        config: named(&shape.config)?,
        database: shape.database.as_ref().map(|written| database(text, written, shape.binary.is_some())).transpose()?,
    })
}

/// What a program does with a database is known of the bundler's own; it is said of another one.
fn database(text: &Text<'_>, written: &Spanned<DatabaseShape>, own_binary: bool) -> Result<Database, DefinitionError> {
    let at = written.span().start;
    let database = Database::from(*written.get_ref());
    if !own_binary {
        return Err(
            text.wrong(at, "database is for a runtime that `binary` names: that of the default program is known")
        );
    }
    if !database.holds_together() {
        let Database { schema, reversible_to } = database;
        return Err(text.wrong(at, format!("reversible_to is {reversible_to}: it must be from 1 to schema, {schema}")));
    }
    Ok(database)
}

fn image(text: &Text<'_>, shape: ImageShape, written: &Written) -> Result<ImageSection, DefinitionError> {
    let span = shape.source.span();
    let source = Source::parse(shape.source.get_ref(), &text.base())
        .map_err(|error| text.wrong(span.start, error.to_string()))?;
    if !matches!(source, Source::Rootfs { .. }) {
        check_no_process(text, &shape)?;
    }
    let tenant = shape.tenant.map(|written| tenant(text, written)).transpose()?;
    let process = Process {
        entrypoint: shape.entrypoint.map(Spanned::into_inner),
        cmd: shape.cmd.map(Spanned::into_inner),
        env: shape.env.map(Spanned::into_inner).unwrap_or_default(),
        user: shape.user.map(Spanned::into_inner),
        workdir: shape.workdir.map(Spanned::into_inner),
    };
    Ok(ImageSection {
        place: text.place(shape.name.span().start),
        name: shape.name.into_inner(),
        source,
        source_text: written.at(&span, shape.source.get_ref()).to_owned(),
        tenant,
        process,
    })
}

/// An image that exists has its own configuration, and packing changes nothing about it.
fn check_no_process(text: &Text<'_>, shape: &ImageShape) -> Result<(), DefinitionError> {
    fn at<T>(value: Option<&Spanned<T>>) -> Option<Range<usize>> {
        value.map(Spanned::span)
    }
    let keys = [
        ("entrypoint", at(shape.entrypoint.as_ref())),
        ("cmd", at(shape.cmd.as_ref())),
        ("env", at(shape.env.as_ref())),
        ("user", at(shape.user.as_ref())),
        ("workdir", at(shape.workdir.as_ref())),
    ];
    match keys.into_iter().find_map(|(key, span)| Some((key, span?))) {
        None => Ok(()),
        Some((key, span)) => {
            let message = format!("{key} is for rootfs: images only: other images bring their own configuration");
            Err(text.wrong(span.start, message))
        }
    }
}

fn tenant(text: &Text<'_>, written: Spanned<Tenant>) -> Result<Tenant, DefinitionError> {
    let at = written.span().start;
    let tenant = written.into_inner();
    if tenant.port == 0 {
        return Err(text.wrong(at, "port is 0: a tenant listens on 1 to 65535"));
    }
    let graphic = tenant.health.bytes().all(|byte| byte.is_ascii_graphic());
    if !tenant.health.starts_with('/') || !graphic {
        return Err(text.wrong(at, format!("health is {:?}: it must be a path that begins with /", tenant.health)));
    }
    Ok(tenant)
}

fn file(text: &Text<'_>, shape: FileShape) -> Result<FileSection, DefinitionError> {
    let at = shape.path.span().start;
    let path = shape.path.into_inner();
    if path.is_the_records_own() || ["bin", "units", "config.toml"].into_iter().any(|reserved| path.is_within(reserved))
    {
        let reserved = "bin/, units/, config.toml, landfall.json* and .landfall.json* are the release's own";
        return Err(text.wrong(at, format!("a file cannot be at {path}: {reserved}")));
    }
    Ok(FileSection { source: text.named_file(&shape.source)?, path })
}
