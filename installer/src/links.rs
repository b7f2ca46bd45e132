//! Symbolic links outside Landfall's own folders: the programs on the `PATH`, and the manual pages and shell completions of the
//! current release.
//!
//! All of them lead through `current`, so that an update changes only those that its release adds or drops.

use crate::durable::{self, At as _, PathError};
use crate::layout::{CURRENT_TARGET, LINKS, LINKS_FOLDER, Layout, SHARE_FOLDERS, SHARE_LINK_FOLDERS};
use landfall_console::{Console, message_with_causes};
use landfall_host::RelativePath;
use landfall_manifests::ReleaseId;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The names that a release may link to begin like this (zsh puts `_` before it): it must not shadow another program's pages.
const NAME: &str = "landfall";

/// Makes the links to the programs. A file of such a name that is not ours stays, and preflight has warned of it.
pub(crate) fn make_programs(layout: &Layout) -> Result<(), PathError> {
    for (name, target) in LINKS {
        let link = layout.link(name);
        if !durable::exists(&link)? {
            durable::point(&link, Path::new(target))?;
        }
    }
    Ok(())
}

/// The files and links that have the name of one of our programs, and are not ours.
pub(crate) fn foreign_programs(layout: &Layout) -> Result<Vec<PathBuf>, PathError> {
    let mut foreign = Vec::new();
    for (name, target) in LINKS {
        let link = layout.link(name);
        if !leads_to(&link, target) && durable::exists(&link)? {
            foreign.push(link);
        }
    }
    Ok(foreign)
}

/// Creates those of the folders for pages and completions that are new to this host by the journal, so that an undo and an
/// uninstallation remove them again.
pub(crate) fn make_share_folders(layout: &Layout, new: &[RelativePath], console: Console) -> Result<(), PathError> {
    let folders = SHARE_LINK_FOLDERS.iter().filter(|folder| new.iter().any(|path| path == *folder));
    tolerate(console, folders.into_iter().try_for_each(|folder| durable::create_folder(&layout.at(folder), 0o755)))
}

/// Links to the manual pages and completions that a release has, and removes the links to those that only another one had.
/// Files that are not ours stay, and folders that are not there are passed over. Can be repeated.
pub(crate) fn follow_release(layout: &Layout, release: &ReleaseId, console: Console) -> Result<(), PathError> {
    SHARE_FOLDERS.iter().try_for_each(|folder| {
        let packed = names(&layout.release(release).join(folder))?;
        let wanted = packed.into_iter().filter(|name| name.trim_start_matches('_').starts_with(NAME)).collect();
        tolerate(console, link_exactly(layout, folder, &wanted))
    })
}

/// A host that does not take pages is no reason to stay without a release, nor to prevent a rollback: only a warning. An error of the
/// disk counts as anywhere.
fn tolerate(console: Console, outcome: Result<(), PathError>) -> Result<(), PathError> {
    match outcome {
        Err(error)
            if matches!(
                error.source.kind(),
                ErrorKind::ReadOnlyFilesystem
                    | ErrorKind::PermissionDenied
                    | ErrorKind::NotADirectory
                    | ErrorKind::NotFound
            ) =>
        {
            console.warn(format_args!("manual pages and completions are not linked: {}", message_with_causes(&error)));
            Ok(())
        }
        other => other,
    }
}

/// Removes all of these links that are ours.
pub(crate) fn remove(layout: &Layout) -> Result<(), PathError> {
    for (name, target) in LINKS {
        let link = layout.link(name);
        if leads_to(&link, target) {
            durable::remove(&link)?;
        } else if durable::exists(&layout.at(LINKS_FOLDER))? {
            // A file of that name is somebody else's; what an interrupted run of ours left beside it is not.
            durable::remove(&durable::partial(&link))?;
        }
    }
    SHARE_FOLDERS.iter().try_for_each(|folder| link_exactly(layout, folder, &BTreeSet::new()))
}

/// Makes the `wanted` links of a folder, removes our other ones there, and then syncs the folder once for all of them.
fn link_exactly(layout: &Layout, folder: &str, wanted: &BTreeSet<String>) -> Result<(), PathError> {
    let (links, targets) = (layout.share_links(folder), Path::new(CURRENT_TARGET).join(folder));
    for name in names(&links)?.difference(wanted) {
        let link = links.join(name);
        // Ours lead below `current`: an administrator's own pages of such a name stay.
        if std::fs::read_link(&link).is_ok_and(|target| target.starts_with(&targets)) {
            durable::remove_entry(&link)?;
        }
    }
    if !links.is_dir() {
        return Ok(());
    }
    for name in wanted {
        let link = links.join(name);
        if !durable::exists(&link)? {
            durable::create_link(&link, &targets.join(name))?;
        }
    }
    durable::sync_folder(&links)
}

fn leads_to(link: &Path, target: &str) -> bool {
    std::fs::read_link(link).is_ok_and(|found| found == Path::new(target))
}

/// The names in a folder that are text; none if there is no folder.
fn names(folder: &Path) -> Result<BTreeSet<String>, PathError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(BTreeSet::new());
        }
        entries => entries.at("read the folder", folder)?,
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        names.extend(entry.at("read the folder", folder)?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const MAN: &str = "usr/local/share/man/man1";

    /// A host with two releases, whose pages differ.
    fn host() -> (tempfile::TempDir, Layout, [ReleaseId; 2]) {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        for folder in SHARE_LINK_FOLDERS {
            fs::create_dir_all(layout.at(folder)).unwrap();
        }
        let (old, new) = ("1.0.0-1".parse().unwrap(), "2.0.0-2".parse().unwrap());
        for (release, page) in [(&old, "landfall-old.1"), (&new, "landfall-new.1")] {
            let share = layout.release(release).join("share");
            for file in
                ["man/man1/landfall.1", &format!("man/man1/{page}"), "man/man1/ls.1", "zsh/site-functions/_landfall"]
            {
                fs::create_dir_all(share.join(file).parent().unwrap()).unwrap();
                fs::write(share.join(file), "").unwrap();
            }
        }
        (root, layout, [old, new])
    }

    fn linked(layout: &Layout, folder: &str) -> Vec<String> {
        names(&layout.at(folder)).unwrap().into_iter().collect()
    }

    #[test]
    fn links_follow_the_pages_of_the_release_that_becomes_current() {
        let (_root, layout, [old, new]) = host();
        for (release, page) in
            [(&old, "landfall-old.1"), (&new, "landfall-new.1"), (&new, "landfall-new.1"), (&old, "landfall-old.1")]
        {
            follow_release(&layout, release, Console::unattended()).unwrap();
            assert_eq!(linked(&layout, MAN), [page, "landfall.1"].map(str::to_owned));
            let target = fs::read_link(layout.at(MAN).join("landfall.1")).unwrap();
            assert_eq!(target, Path::new("/opt/landfall/current/share/man/man1/landfall.1"));
            assert_eq!(linked(&layout, "usr/local/share/zsh/site-functions"), ["_landfall"]);
        }
        remove(&layout).unwrap();
        assert_eq!(
            (linked(&layout, MAN), linked(&layout, "usr/local/share/zsh/site-functions")),
            (Vec::new(), Vec::new())
        );
    }

    #[test]
    fn what_is_not_ours_stays() {
        let (_root, layout, [old, new]) = host();
        let (page, link) = (layout.at(MAN).join("landfall-old.1"), layout.at(MAN).join("landfall-link.1"));
        fs::write(&page, "by hand").unwrap();
        symlink("/elsewhere", &link).unwrap();
        for release in [&old, &new] {
            follow_release(&layout, release, Console::unattended()).unwrap();
        }
        remove(&layout).unwrap();
        assert_eq!(fs::read_to_string(page).unwrap(), "by hand");
        assert_eq!(fs::read_link(link).unwrap(), Path::new("/elsewhere"));
    }

    #[test]
    fn a_host_without_these_folders_has_nothing_to_remove() {
        let root = tempfile::tempdir().unwrap();
        remove(&Layout::new(root.path())).unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_host_that_takes_no_pages_gets_none_and_no_error() {
        let (_root, layout, [old, _]) = host();
        // In the place of a folder: a file of somebody else's, and nothing at all.
        fs::remove_dir_all(layout.at("usr/local/share/zsh")).unwrap();
        fs::write(layout.at("usr/local/share/zsh"), "").unwrap();
        fs::remove_dir_all(layout.at("usr/local/share/man")).unwrap();
        let new: Vec<RelativePath> = SHARE_LINK_FOLDERS.map(RelativePath::known).into();
        make_share_folders(&layout, &new[3..], Console::unattended()).unwrap();
        follow_release(&layout, &old, Console::unattended()).unwrap();
        assert!(!layout.at(MAN).exists());
        remove(&layout).unwrap();
    }
}
