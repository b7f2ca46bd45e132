//! Checks what is on the medium under the names that are about to be used: only what an earlier run wrote is replaced.

use super::guide::FIRST_LINE;
use super::{GUIDE_NAME, INSTALLER_NAME, MediumPlan, RootFile, SplitPlan, StickError};
use crate::{elf, output, regular};
use landfall_manifests::{Arch, parity};
use std::io::{self, Read as _};
use std::path::Path;

/// Checks all names before anything is written, so that nothing stops the program half-way.
///
/// # Errors
/// A file has one of the names and was not written by this program.
pub(super) fn check(folder: &Path, plan: &MediumPlan, arch: Arch, root: Option<&RootFile>) -> Result<(), StickError> {
    check_parts(folder, plan.bundle.names(), output::begins_a_bundle)?;
    let parity = plan.parity.as_ref().map(SplitPlan::names).unwrap_or_default();
    check_parts(folder, parity, |path| read(path, parity::PAGE_BYTES).is_ok_and(|found| parity::begins(&found)))?;
    // Any program for that processor counts as an installer: its bytes differ from version to version.
    check_installer(&folder.join(INSTALLER_NAME), arch)?;
    let guide = folder.join(GUIDE_NAME);
    require(!is_there(&guide) || is_regular(&guide) && begins_with(&guide, FIRST_LINE.as_bytes()), &guide)?;
    let Some(root) = root else { return Ok(()) };
    let path = folder.join(root.name());
    if is_there(&path) && !(is_regular(&path) && holds(&path, root.bytes())) {
        return Err(StickError::OtherRoot { path });
    }
    Ok(())
}

/// Checks those of the files `names` that are there: all are regular, and the first begins as `begins` says.
fn check_parts(folder: &Path, names: Vec<String>, begins: impl FnOnce(&Path) -> bool) -> Result<(), StickError> {
    let mut paths = names.into_iter().map(|name| folder.join(name)).filter(|path| is_there(path)).peekable();
    // Parts get their names in order: the first that is there is the first of all.
    if let Some(first) = paths.peek() {
        require(is_regular(first) && begins(first), first)?;
    }
    paths.try_for_each(|path| require(is_regular(&path), &path))
}

fn check_installer(path: &Path, arch: Arch) -> Result<(), StickError> {
    if !is_there(path) {
        return Ok(());
    }
    require(is_regular(path), path)?;
    let header = read(path, elf::HEADER_BYTES);
    let header = header.map_err(|source| StickError::Inspect { path: path.to_owned(), source })?;
    elf::check(&header, arch).map_err(|source| StickError::OtherProgram { path: path.to_owned(), source })
}

fn require(is_ours: bool, path: &Path) -> Result<(), StickError> {
    if is_ours { Ok(()) } else { Err(StickError::NotOverwritten { path: path.to_owned() }) }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether it is a file and no link to one.
fn is_regular(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
}

fn begins_with(path: &Path, start: &[u8]) -> bool {
    read(path, start.len()).is_ok_and(|found| found == start)
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    read(path, bytes.len() + 1).is_ok_and(|found| found == bytes)
}

/// The first `limit` bytes of a file, or all if there are fewer.
fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let (file, _) = regular::open(path)?;
    file.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
