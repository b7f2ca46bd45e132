//! The manual pages and shell completions of the programs that a release brings.
//!
//! They are made from the programs' own command lines when the programs are built, and lie in `share/` beside the programs'
//! `bin/`, as in every prefix (hier(7)). So a bundle for another processor has the same pages, and no program is run to pack it.

use landfall_host::layout::SHARE_FOLDERS;
use landfall_manifests::BundlePath;
use std::io;
use std::path::{Path, PathBuf};

/// A program whose pages a release brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocumentedProgram {
    Runtime,
    Installer,
}

/// A manual page or a completion script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProgramPage {
    pub(crate) program: DocumentedProgram,
    /// Its path in the release.
    pub(crate) path: BundlePath,
    /// Its file on this machine.
    pub(crate) source: PathBuf,
}

/// The pages that lie beside the programs in the folder `programs`, sorted; none where nobody made any.
///
/// # Errors
/// A folder is there and cannot be read.
pub(crate) fn find(programs: &Path) -> io::Result<Vec<ProgramPage>> {
    let prefix = programs.parent().unwrap_or(programs);
    let mut pages = Vec::new();
    for folder in SHARE_FOLDERS {
        let entries = match std::fs::read_dir(prefix.join(folder)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let program =
                name.to_str().and_then(|name| Some((program_of(name)?, format!("{folder}/{name}").parse().ok()?)));
            pages.extend(program.map(|(program, path)| ProgramPage { program, path, source: entry.path() }));
        }
    }
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(pages)
}

/// The program that a page is about, from its name: `landfall-installer-update.1`, `_landfall`, `landfall.fish`.
fn program_of(name: &str) -> Option<DocumentedProgram> {
    let is_of = |program: &str| {
        let rest = name.strip_prefix('_').unwrap_or(name).strip_prefix(program);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    };
    // The longest name first, since all programs' names begin with `landfall`.
    if is_of("landfall-installer") {
        Some(DocumentedProgram::Installer)
    } else if is_of("landfall") && !is_of("landfall-bundler") {
        Some(DocumentedProgram::Runtime)
    } else {
        None
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use DocumentedProgram::{Installer, Runtime};

    #[test]
    fn a_page_belongs_to_the_program_in_its_name() {
        for (name, program) in [
            ("landfall.1", Some(Runtime)),
            ("landfall-tenant-spawn.1", Some(Runtime)),
            ("landfall", Some(Runtime)),
            ("_landfall", Some(Runtime)),
            ("landfall.fish", Some(Runtime)),
            ("landfall-installer.1", Some(Installer)),
            ("landfall-installer-trust-show.1", Some(Installer)),
            ("_landfall-installer", Some(Installer)),
            ("landfall-bundler.1", None),
            ("landfall-bundler-build.1", None),
            ("landfallen.1", None),
            ("ls.1", None),
        ] {
            assert_eq!(program_of(name), program, "{name}");
        }
    }

    #[test]
    fn pages_are_found_beside_the_programs() {
        let prefix = tempfile::tempdir().unwrap();
        let programs = prefix.path().join("bin");
        assert_eq!(find(&programs).unwrap(), []);
        let man = prefix.path().join("share/man/man1");
        std::fs::create_dir_all(&man).unwrap();
        for name in ["landfall.1", "landfall-installer.1", "landfall-bundler.1", "ls.1"] {
            std::fs::write(man.join(name), "").unwrap();
        }
        let paths: Vec<String> = find(&programs).unwrap().iter().map(|page| page.path.to_string()).collect();
        assert_eq!(paths, ["share/man/man1/landfall-installer.1", "share/man/man1/landfall.1"]);
    }
}
