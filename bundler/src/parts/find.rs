use crate::assemble::folder_of;
use landfall_manifests::limits;
use landfall_manifests::parts::{parse_part_name, part_name};
use std::path::{Path, PathBuf};

/// Where the parts of a bundle may lie.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PartsArgs {
    /// Look for the bundle's parts in this folder too; may be given several times
    #[arg(long = "parts", value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
}

/// A bundle's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// One file.
    Whole(PathBuf),
    /// Its parts, in order, at least one. The last ones may be missing: how many there should be is not known yet.
    Parts {
        /// The bundle's name: a part's without `.partNNN`.
        bundle: PathBuf,
        /// Where each part lies.
        files: Vec<PathBuf>,
    },
}

/// A part of a bundle is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is missing: looked for in {}", list(looked))]
pub(crate) struct MissingPart {
    pub(crate) name: String,
    pub(crate) looked: Vec<PathBuf>,
}

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The files of what `path` names: a bundle, any of its parts, or its name without `.partNNN`. Parts are looked for beside
/// `path`, then in `folders`; the first that is found counts.
pub(crate) fn find(path: &Path, folders: &[PathBuf]) -> Result<Found, MissingPart> {
    let whole = || Ok(Found::Whole(path.to_owned()));
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return whole() };
    let named = parse_part_name(name);
    if named.is_none() && path.exists() {
        return whole();
    }
    let bundle = named.map_or(name, |(bundle, _)| bundle);
    let looked: Vec<PathBuf> = std::iter::once(folder_of(path).to_owned()).chain(folders.iter().cloned()).collect();
    let lying = |number| {
        let part = part_name(bundle, number);
        looked.iter().map(|folder| folder.join(&part)).find(|part| part.exists())
    };
    let files: Vec<PathBuf> = (1..=limits::PARTS).map_while(lying).collect();
    let last = looked.iter().flat_map(|folder| numbers(folder, bundle)).max();
    let Some(last) = last.max(named.map(|(_, number)| number).filter(|_| !files.is_empty())) else { return whole() };
    let next = u32::try_from(files.len()).unwrap_or(u32::MAX) + 1;
    if next <= last {
        return Err(MissingPart { name: part_name(bundle, next), looked });
    }
    Ok(Found::Parts { bundle: path.with_file_name(bundle), files })
}

/// The parts that lie at `bundle`'s place, whichever they are, in order.
pub(crate) fn lying_at(bundle: &Path) -> Vec<PathBuf> {
    let Some(name) = bundle.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let mut found = numbers(folder_of(bundle), name);
    found.sort_unstable();
    found.into_iter().map(|number| bundle.with_file_name(part_name(name, number))).collect()
}

/// The numbers of those parts of `bundle` that lie in a folder. One that cannot be listed is met when a part in it is opened.
fn numbers(folder: &Path, bundle: &str) -> Vec<u32> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| parse_part_name(&name).filter(|(of, _)| *of == bundle).map(|(_, number)| number)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn any_part_and_the_name_without_its_number_lead_to_all_parts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("more")).unwrap();
        for name in ["b.tar.part001", "more/b.tar.part002", "b.tar.part003", "more/b.tar.part003", "c.tar.part002"] {
            std::fs::write(at(name), "").unwrap();
        }
        let files = ["b.tar.part001", "more/b.tar.part002", "b.tar.part003"].map(at).to_vec();
        let more = [at("more")];
        for name in ["b.tar", "b.tar.part001", "b.tar.part003", "b.tar.part002"] {
            let expected = Found::Parts { bundle: at("b.tar"), files: files.clone() };
            assert_eq!(find(&at(name), &more), Ok(expected), "{name}");
        }
        assert_eq!(find(&at("none"), &more), Ok(Found::Whole(at("none"))));
        assert_eq!(lying_at(&at("b.tar")), [at("b.tar.part001"), at("b.tar.part003")]);
        std::fs::write(at("b.tar"), "").unwrap();
        assert_eq!(find(&at("b.tar"), &more), Ok(Found::Whole(at("b.tar"))), "a whole bundle is taken as it is");
    }

    #[test]
    fn a_part_that_is_nowhere_is_named_with_where_it_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b.tar.part001", "b.tar.part003", "c.tar.part002"] {
            std::fs::write(at(name), "").unwrap();
        }
        let missing = |path: &str| find(&at(path), &[at("more")]).unwrap_err().to_string();
        let looked = format!("looked for in {}, {}", folder.path().display(), at("more").display());
        assert_eq!(missing("b.tar"), format!("b.tar.part002 is missing: {looked}"));
        assert_eq!(missing("c.tar"), format!("c.tar.part001 is missing: {looked}"));
        std::fs::remove_file(at("b.tar.part003")).unwrap();
        assert_eq!(missing("b.tar.part004"), format!("b.tar.part002 is missing: {looked}"));
    }
}
