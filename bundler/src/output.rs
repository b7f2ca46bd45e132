//! Where a bundle is written. This is decided before anything is packed, so that no file of value is replaced and no secret is
//! packed.

use crate::definition::DefinitionLine;
use crate::plan::Plan;
use landfall_manifests::parts::{parse_part_name, part_name};
use landfall_manifests::{ReadError, archive, limits};
use landfall_media::{UnverifiedBundle, folder_of};
use std::path::{Path, PathBuf};

/// A bundle cannot be written where it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("there is no folder {}", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} already exists and is not a bundle: it is not replaced", path.display())]
    NotABundle { path: PathBuf },
    #[error("{} already exists and is not a patch: it is not replaced", path.display())]
    NotAPatch { path: PathBuf },
    #[error("{} already exists, and would be read in place of its parts", path.display())]
    ShadowsParts { path: PathBuf },
    #[error("the parts of {} would replace the parts that they are made from", path.display())]
    ReplacesOwnParts { path: PathBuf },
    #[error("{} is the name of a part, but the bundle is written as one file", path.display())]
    PartName { path: PathBuf },
    #[error("{} would be read in place of parts that already exist, such as {}", path.display(), part.display())]
    ShadowsExistingParts { path: PathBuf, part: PathBuf },
    #[error("{} exists as one file and in parts, such as {}, and only one of the two would change", path.display(), part.display())]
    WholeAndParts { path: PathBuf, part: PathBuf },
    #[error("{} cannot be cut into parts: its name is not UTF-8, as names of parts are", path.display())]
    NotUtf8 { path: PathBuf },
    #[error("{} is too long for a name of a file", path.display())]
    LongName { path: PathBuf },
    #[error("{} is no file, but has the name of a part", path.display())]
    PartNotAFile { path: PathBuf },
    #[error("{line}: the bundle {} would replace what it is made from", out.display())]
    ReplacesSource { line: DefinitionLine, out: PathBuf },
    #[error("{line}: {} is packed, and the bundle {} would be inside it", source_path.display(), out.display())]
    InsideSource { line: DefinitionLine, source_path: PathBuf, out: PathBuf },
    #[error("the summary cannot be added to {}, which is built or built from", path.display())]
    Summary { path: PathBuf },
    #[error("{} is no folder, and there are {count} bundles: one for each architecture", path.display())]
    SeveralBundles { path: PathBuf, count: usize },
    #[error("{line}: {} is packed, and the cache {} is inside it", source_path.display(), cache.display())]
    CacheInSource { line: DefinitionLine, source_path: PathBuf, cache: PathBuf },
    #[error("{line}: {} is packed, and the secret {} is inside it", source_path.display(), secret.display())]
    SecretInSource { line: DefinitionLine, source_path: PathBuf, secret: PathBuf },
}

/// Checks that `--out` has room for as many bundles.
pub(crate) fn check_holds(out: Option<&Path>, count: usize) -> Result<(), OutputError> {
    match out.filter(|out| count > 1 && !out.is_dir()) {
        Some(path) => Err(OutputError::SeveralBundles { path: path.to_owned(), count }),
        None => Ok(()),
    }
}

/// Where the bundle of `plan` goes if `--out` is `out`, called `default` in a folder: to no place in what is packed, as no file of
/// `secrets` is, and in place of nothing but a bundle.
pub(crate) fn resolve(
    out: Option<&Path>,
    default: &str,
    plan: &Plan,
    secrets: &[&Path],
) -> Result<PathBuf, OutputError> {
    let out = path_or_default(out, default)?;
    check_is_whole(&out)?;
    // With links resolved: two paths may lead to one folder.
    check_sources(&out, &absolute(&out)?, plan, secrets)?;
    check_replaced(&out)?;
    check_parts_replaced(&out)?;
    Ok(out)
}

/// Where a bundle goes that is made from others: in place of nothing but a bundle.
pub(crate) fn resolve_copy(out: Option<&Path>, default: &str) -> Result<PathBuf, OutputError> {
    let out = path_or_default(out, default)?;
    check_is_whole(&out)?;
    absolute(&out)?;
    check_replaced(&out)?;
    check_parts_replaced(&out)?;
    Ok(out)
}

/// Where a patch is written: it may replace another patch, and nothing else. `is_patch` tells whether a file is one.
pub(crate) fn resolve_patch(
    out: Option<&Path>,
    default: &str,
    is_patch: impl FnOnce(&Path) -> bool,
) -> Result<PathBuf, OutputError> {
    let out = path_or_default(out, default)?;
    absolute(&out)?;
    check_is_whole(&out)?;
    if let Some(part) = landfall_media::parts_at(&out).into_iter().next() {
        return Err(OutputError::ShadowsExistingParts { path: out, part });
    }
    if out.symlink_metadata().is_ok() && !is_patch(&out) {
        return Err(OutputError::NotAPatch { path: out });
    }
    Ok(out)
}

/// Checks that `bundle` does not exist both as one file and in parts: a new signature would be added to one of them only.
pub(crate) fn check_one_form(bundle: &Path) -> Result<(), OutputError> {
    match landfall_media::parts_at(bundle).into_iter().next() {
        Some(part) if bundle.symlink_metadata().is_ok() => {
            Err(OutputError::WholeAndParts { path: bundle.to_owned(), part })
        }
        _ => Ok(()),
    }
}

/// Whether `out` can name parts.
pub(crate) fn check_names_parts(out: &Path) -> Result<(), OutputError> {
    match out.file_name().and_then(|name| name.to_str()) {
        Some(name) => check_length(&out.with_file_name(part_name(name, limits::PARTS))),
        None => Err(OutputError::NotUtf8 { path: out.to_owned() }),
    }
}

/// Told now, and not when all is packed.
fn check_length(out: &Path) -> Result<(), OutputError> {
    match out.file_name() {
        Some(name) if name.len() > limits::PATH_COMPONENT_BYTES => Err(OutputError::LongName { path: out.to_owned() }),
        _ => Ok(()),
    }
}

/// Whether `out` names a whole file, and not one of a bundle's parts.
fn check_is_whole(out: &Path) -> Result<(), OutputError> {
    check_length(out)?;
    match out.file_name().and_then(|name| name.to_str()).and_then(parse_part_name) {
        Some(_) => Err(OutputError::PartName { path: out.to_owned() }),
        None => Ok(()),
    }
}

/// Checks that a file that exists at `out` is a whole bundle.
pub(crate) fn check_replaced(out: &Path) -> Result<(), OutputError> {
    // Not `exists`, which a dangling link does not.
    if out.symlink_metadata().is_ok() && UnverifiedBundle::open_file(out).is_err() {
        return Err(OutputError::NotABundle { path: out.to_owned() });
    }
    Ok(())
}

/// Checks that parts that exist at `out` are a bundle, or the beginning of one that an interrupted run left behind.
pub(crate) fn check_parts_replaced(out: &Path) -> Result<(), OutputError> {
    let parts = landfall_media::parts_at(out);
    if let Some(path) = parts.iter().find(|part| !part.is_file()) {
        return Err(OutputError::PartNotAFile { path: path.clone() });
    }
    match parts.into_iter().next() {
        Some(first) if UnverifiedBundle::open(&first, &[]).is_err() && !begins_a_bundle(&first) => {
            Err(OutputError::NotABundle { path: first })
        }
        _ => Ok(()),
    }
}

/// Whether a file begins with the header of a manifest, all of which need not be there.
pub(crate) fn begins_a_bundle(file: &Path) -> bool {
    match UnverifiedBundle::open_file(file) {
        Ok(_) => true,
        Err(error) => {
            matches!(error.read_error(), Some(ReadError::Truncated { offset, .. }) if *offset >= archive::BLOCK)
        }
    }
}

/// The file that `--out` names: with a folder, the file called `default` in it.
pub(crate) fn path_or_default(out: Option<&Path>, default: &str) -> Result<PathBuf, OutputError> {
    let named = match out {
        Some(folder) if folder.is_dir() => folder.join(default),
        // Whoever types the / means a folder: no file of that name is made instead.
        Some(file) if file.as_os_str().as_encoded_bytes().ends_with(b"/") => {
            return Err(OutputError::NoFolder { path: file.to_owned() });
        }
        Some(file) => file.to_owned(),
        None => PathBuf::from(default),
    };
    Ok(resolve_link(&named))
}

/// The path of `out` from the root on, without links. The folder must be there.
pub(crate) fn absolute(out: &Path) -> Result<PathBuf, OutputError> {
    let folder = folder_of(out).canonicalize().ok().filter(|folder| folder.is_dir());
    let folder = folder.ok_or_else(|| OutputError::NoFolder { path: folder_of(out).to_owned() })?;
    Ok(folder.join(out.file_name().unwrap_or_default()))
}

/// The target of a symbolic link, so that the link itself is not replaced. Other paths and dangling links are returned as they
/// are.
pub(crate) fn resolve_link(path: &Path) -> PathBuf {
    if path.is_symlink() { path.canonicalize().unwrap_or_else(|_| path.to_owned()) } else { path.to_owned() }
}

/// Checks that a file to which a summary is added is nothing that is written or packed, nor one of the `used` files.
pub(crate) fn check_summary(path: &Path, out: &Path, plan: &Plan, used: &[&Path]) -> Result<(), OutputError> {
    let (full, out) = (absolute(&resolve_link(path))?, absolute(out)?);
    let is_used = |used: &&Path| used.canonicalize().is_ok_and(|used| used == full);
    let is_packed = |source: &Path| source.canonicalize().is_ok_and(|packed| full.starts_with(packed));
    let is_taken = full == out || is_part_of(&full, &out) || used.iter().any(is_used);
    if is_taken || plan.sources().any(|(_, source)| is_packed(source)) {
        return Err(OutputError::Summary { path: path.to_owned() });
    }
    Ok(())
}

/// Checks that a build does not pack what it writes to its cache meanwhile.
pub(crate) fn check_cache(cache: &Path, plan: &Plan) -> Result<(), OutputError> {
    // It need not be there yet.
    let Some(full) = cache.ancestors().find_map(|path| path.canonicalize().ok()) else { return Ok(()) };
    let is_around = |source: &Path| source.canonicalize().is_ok_and(|packed| full.starts_with(packed));
    match plan.sources().find(|(_, source)| is_around(source)) {
        Some((line, source)) => {
            let (source_path, cache) = (source.to_owned(), cache.to_owned());
            Err(OutputError::CacheInSource { line: line.clone(), source_path, cache })
        }
        None => Ok(()),
    }
}

fn check_sources(out: &Path, full: &Path, plan: &Plan, secrets: &[&Path]) -> Result<(), OutputError> {
    for (line, source) in plan.sources() {
        // One that is not there is reported when it is read.
        let Ok(packed) = source.canonicalize() else { continue };
        let (line, source_path, out) = (line.clone(), source.to_owned(), out.to_owned());
        if full == packed || is_part_of(&packed, full) {
            return Err(OutputError::ReplacesSource { line, out });
        }
        if full.starts_with(&packed) {
            return Err(OutputError::InsideSource { line, source_path, out });
        }
        let is_packed = |secret: &&Path| secret.canonicalize().is_ok_and(|secret| secret.starts_with(&packed));
        if let Some(secret) = secrets.iter().copied().find(is_packed) {
            return Err(OutputError::SecretInSource { line, source_path, secret: secret.to_owned() });
        }
    }
    Ok(())
}

/// Whether `path` is that of a part of `bundle`.
fn is_part_of(path: &Path, bundle: &Path) -> bool {
    let named = path.file_name().and_then(|name| name.to_str()).and_then(parse_part_name);
    named.is_some_and(|(name, _)| path.with_file_name(name) == *bundle)
}
