//! Where a bundle goes. Settled before anything is packed, so that nothing of value is replaced and nothing is packed that
//! must stay here.

use crate::assemble::folder_of;
use crate::bundle_file::BundleFile;
use crate::definition::Place;
use crate::plan::Plan;
use std::path::{Path, PathBuf};

/// A bundle cannot be written where it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("there is no folder {}", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} is there already and is no bundle: it stays as it is", path.display())]
    InTheWay { path: PathBuf },
    #[error("{place}: the bundle {} would replace what it is made from", out.display())]
    Source { place: Place, out: PathBuf },
    #[error("{place}: {} is packed, and the bundle {} would lie in it", source_path.display(), out.display())]
    Within { place: Place, source_path: PathBuf, out: PathBuf },
    #[error("{place}: {} is packed, and the secret in {} lies in it", source_path.display(), secret.display())]
    Secret { place: Place, source_path: PathBuf, secret: PathBuf },
}

/// Where the bundle of `plan` goes if `--out` is `out`: to no place in what is packed, as no file of `secrets` is, and in place
/// of nothing but a bundle.
pub(crate) fn place(out: Option<&Path>, plan: &Plan, secrets: &[&Path]) -> Result<PathBuf, OutputError> {
    let named = match out {
        Some(folder) if folder.is_dir() => folder.join(plan.release.file_name()),
        Some(file) if file.as_os_str().as_encoded_bytes().ends_with(b"/") => {
            return Err(OutputError::NoFolder { path: file.to_owned() });
        }
        Some(file) => file.to_owned(),
        None => PathBuf::from(plan.release.file_name()),
    };
    let out = followed(&named);
    let folder = folder_of(&out).canonicalize().ok().filter(|folder| folder.is_dir());
    let folder = folder.ok_or_else(|| OutputError::NoFolder { path: folder_of(&out).to_owned() })?;
    check_sources(&out, &folder.join(out.file_name().unwrap_or_default()), plan, secrets)?;
    if out.symlink_metadata().is_ok() && BundleFile::open(&out).is_err() {
        return Err(OutputError::InTheWay { path: out });
    }
    Ok(out)
}

/// The file that a symbolic link leads to, so that the link stays; any other path, and a link to nowhere, as it is.
pub(crate) fn followed(path: &Path) -> PathBuf {
    if path.is_symlink() { path.canonicalize().unwrap_or_else(|_| path.to_owned()) } else { path.to_owned() }
}

fn check_sources(out: &Path, full: &Path, plan: &Plan, secrets: &[&Path]) -> Result<(), OutputError> {
    for (place, source) in plan.sources() {
        // One that is not there is reported when it is read.
        let Ok(packed) = source.canonicalize() else { continue };
        let (place, source_path, out) = (place.clone(), source.to_owned(), out.to_owned());
        if full == packed {
            return Err(OutputError::Source { place, out });
        }
        if full.starts_with(&packed) {
            return Err(OutputError::Within { place, source_path, out });
        }
        let is_packed = |secret: &&Path| secret.canonicalize().is_ok_and(|secret| secret.starts_with(&packed));
        if let Some(secret) = secrets.iter().copied().find(is_packed) {
            return Err(OutputError::Secret { place, source_path, secret: secret.to_owned() });
        }
    }
    Ok(())
}
