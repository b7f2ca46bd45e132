//! The state folder itself: how it is created, locked and removed.
//!
//! A host on which nothing is installed has no state folder. The folder is created with its lock and the first journal inside: built
//! beside its place under a temporary name, synced, and renamed, together with those of its parents that are missing too. It is
//! removed in the same way. So at every moment either a journal says what is under way, or nothing has changed but a *staging
//! directory* whose name is known ([`durable::partial`]) and which [`remove_partial`] removes.

use super::error::StateError;
use super::folder_lock::lock_folder;
use super::journal::Journal;
use crate::durable::{self, At as _, PathError};
use crate::layout::{DATA_FOLDER, FOLDERS, Layout, STATE_FOLDER};
use crate::lock::{Lock, LockError};
use crate::record::write_json;
use crate::{receipts, trust};
use landfall_host::RelativePath;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The state folder and its parents, outermost first.
const STATE_AND_PARENTS: [&str; 4] = ["var", "var/lib", DATA_FOLDER, STATE_FOLDER];

/// The state folder of a host, locked.
#[derive(Debug)]
pub(crate) struct State {
    layout: Layout,
    _lock: Lock,
}

impl State {
    /// Locks the state folder; `None` where there is none, or one without any record. A journal, a trust root or a receipt that a
    /// killed process had not renamed into place never counted, and is removed.
    ///
    /// # Errors
    /// [`LockError::Busy`] if another process works on this host.
    pub(crate) fn open(layout: &Layout) -> Result<Option<Self>, LockError> {
        let path = layout.lock();
        // Made only where there are records: reading the state of a bare host must not change it.
        let file = match lock_file().create(holds_records(layout)?).open(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            other => other.at("open", &path)?,
        };
        let lock = Lock::take(file, &path)?;
        // Only with the lock: without it, these could be what another process is writing.
        durable::remove(&durable::partial(&layout.journal()))?;
        trust::remove_partial(layout)?;
        receipts::remove_partial(layout)?;
        Ok(Some(Self { layout: layout.clone(), _lock: lock }))
    }

    /// Begins an operation: writes its journal into the state folder that is `locked`, or creates the folder with it.
    ///
    /// # Errors
    /// There is no journal, unless the error is [`StateError::Unsettled`].
    pub(crate) fn begin(locked: Option<Self>, layout: &Layout, journal: &Journal) -> Result<Self, StateError> {
        let state = match locked {
            Some(state) => state,
            None if missing(layout)?.is_empty() => Self::adopt(layout)?,
            None => return Ok(Self::create(layout, journal)?),
        };
        // A journal that was renamed and could not be synced may be there all the same. It is removed, so that recovery
        // does not undo what was never begun.
        let Err(error) = state.write_journal(journal) else { return Ok(state) };
        Err(match state.end() {
            Ok(()) => error.into(),
            Err(undo) => StateError::Unsettled { error, undo },
        })
    }

    /// Locks a state folder that holds no records.
    fn adopt(layout: &Layout) -> Result<Self, LockError> {
        let path = layout.lock();
        let file = lock_file().create(true).open(&path).at("create", &path)?;
        let lock = Lock::take(file, &path)?;
        // Another process may have installed something since the folder was found empty.
        if holds_records(layout)? { Err(LockError::Busy) } else { Ok(Self { layout: layout.clone(), _lock: lock }) }
    }

    /// Creates the state folder, locked and with its first journal, in one rename.
    fn create(layout: &Layout, journal: &Journal) -> Result<Self, LockError> {
        // 1. Remove what a killed process left under the temporary name.
        remove_partial(layout)?;
        let missing = missing(layout)?;
        let Some((first, deeper)) = missing.split_first() else { return Err(LockError::Busy) };
        let (place, staging_dir) = (layout.at(first), durable::partial(&layout.at(first)));
        // 2. Create the outermost missing folder under its temporary name, and lock it: another process that removes partial
        //    folders leaves it alone.
        if let Err(error) = durable::create_folder(&staging_dir, mode_of(first)) {
            // It may exist and not be synced; nothing is in it.
            let _ = std::fs::remove_dir(&staging_dir);
            return Err(error.into());
        }
        let _staging_lock = lock_folder(&staging_dir)?.ok_or(LockError::Busy)?;
        // 3. Create all that belongs in it, the journal last, and rename it: from here on there is a state folder.
        let inner = deeper.iter().map(|inner| (staging_dir.join(below(inner, first)), mode_of(inner))).collect();
        let created = fill(&staging_dir, inner, journal)
            .and_then(|lock| Ok(durable::rename_to_free_name(&staging_dir, &place).map(|()| lock)?));
        if created.is_err() {
            // Undo 3 and 2, also a rename that was done and could not be synced. What cannot be removed now is removed by the
            // next run.
            if !durable::exists(&staging_dir)? {
                let _ = std::fs::rename(&place, &staging_dir);
            }
            let _ = durable::remove_tree(&staging_dir);
        }
        Ok(Self { layout: layout.clone(), _lock: created? })
    }

    /// Records what is about to be done.
    pub(crate) fn write_journal(&self, journal: &Journal) -> Result<(), PathError> {
        write_json(&self.layout.journal(), journal)
    }

    /// Removes the journal: nothing is under way any longer. A lock that protects no record goes too.
    pub(crate) fn end(self) -> Result<(), PathError> {
        durable::remove(&self.layout.journal())?;
        if holds_records(&self.layout)? { Ok(()) } else { durable::remove(&self.layout.lock()) }
    }

    /// Ends with the state folder's own removal, in one rename with those of its parents that are `removable` and hold nothing
    /// else. A state folder that is not `removable` stays, without the journal.
    pub(crate) fn remove(self, removable: &[RelativePath]) -> Result<(), LockError> {
        remove_partial(&self.layout)?;
        // 1. What can go with the state folder in one rename, outermost first.
        let places = self.removable_folders(removable)?;
        for place in &places {
            let place = self.layout.at(place);
            let staging_dir = durable::partial(&place);
            match std::fs::rename(&place, &staging_dir) {
                // A mount point cannot be renamed: it stays, and what is in it goes.
                Err(error) if durable::is_mount(&error) => {}
                other => {
                    // 2. From this rename on the host has no journal: what is left under the temporary name is removed by
                    //    the next run.
                    other.at("rename", &place)?;
                    durable::sync_folder(staging_dir.parent().unwrap_or(&staging_dir))?;
                    return Ok(durable::remove_tree(&staging_dir)?);
                }
            }
        }
        // 3. All of them are mount points: the records go one by one, the journal last.
        if !places.is_empty() {
            self.remove_records()?;
        }
        Ok(self.end()?)
    }

    /// Removes all that the state folder holds, except the lock and the journal.
    fn remove_records(&self) -> Result<(), PathError> {
        let folder = self.layout.state();
        for entry in std::fs::read_dir(&folder).at("read the folder", &folder)? {
            let entry = entry.at("read the folder", &folder)?;
            let path = entry.path();
            if path == self.layout.lock() || path == self.layout.journal() {
                continue;
            }
            let is_folder = entry.file_type().at("look at", &path)?.is_dir();
            if is_folder { durable::remove_tree(&path)? } else { durable::remove(&path)? }
        }
        Ok(())
    }

    /// The state folder and those of its parents that can be removed with it, outermost first.
    fn removable_folders(&self, removable: &[RelativePath]) -> Result<Vec<&'static str>, PathError> {
        let mut places = Vec::new();
        for place in STATE_AND_PARENTS.iter().rev() {
            // The one entry that a parent may hold is the folder below it.
            let holds_more = *place != STATE_FOLDER && entries(&self.layout.at(place))? > 1;
            if holds_more || !removable.iter().any(|removable| removable == place) {
                break;
            }
            places.insert(0, *place);
        }
        Ok(places)
    }
}

/// Removes what a killed process left of a state folder that was being created or removed. Returns whether there was any.
pub(crate) fn remove_partial(layout: &Layout) -> Result<bool, LockError> {
    let mut removed = false;
    for staging_dir in STATE_AND_PARENTS.map(|place| durable::partial(&layout.at(place))) {
        if let Some(_lock) = lock_folder(&staging_dir)? {
            durable::remove_tree(&staging_dir)?;
            removed = true;
        }
    }
    Ok(removed)
}

/// Creates the `inner` folders with their modes, outermost first, and in the last of them the lock and the journal.
fn fill(staging_dir: &Path, inner: Vec<(PathBuf, u32)>, journal: &Journal) -> Result<Lock, LockError> {
    let mut folder = staging_dir.to_owned();
    for (path, mode) in inner {
        durable::create_folder(&path, mode)?;
        folder = path;
    }
    let path = folder.join("lock");
    // Locked before the folder gets its name: from then on other processes find the file.
    let lock = Lock::take(lock_file().create(true).open(&path).at("create", &path)?, &path)?;
    write_json(&folder.join("journal.json"), journal)?;
    Ok(lock)
}

/// The rest of `place`, which lies below `folder`.
fn below<'a>(place: &'a str, folder: &str) -> &'a str {
    place.strip_prefix(folder).map_or(place, |rest| rest.trim_start_matches('/'))
}

fn lock_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    options.read(true).write(true).mode(0o600).custom_flags(no_follow);
    options
}

/// The records that outlive an operation.
fn records(layout: &Layout) -> [PathBuf; 3] {
    [layout.installed(), layout.serial_floor(), layout.product()]
}

fn holds_records(layout: &Layout) -> Result<bool, PathError> {
    // A journal counts as well: without `installed.json` beside it, it is that of a first installation.
    for record in records(layout).iter().chain([&layout.journal()]) {
        if durable::exists(record)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those of [`STATE_AND_PARENTS`] that are not there.
fn missing(layout: &Layout) -> Result<Vec<&'static str>, PathError> {
    let mut missing = Vec::new();
    for place in STATE_AND_PARENTS {
        if !durable::exists(&layout.at(place))? {
            missing.push(place);
        }
    }
    Ok(missing)
}

fn mode_of(place: &str) -> u32 {
    FOLDERS.iter().find(|(folder, _)| *folder == place).map_or(0o700, |(_, mode)| *mode)
}

fn entries(folder: &PathBuf) -> Result<usize, PathError> {
    Ok(std::fs::read_dir(folder).at("read the folder", folder)?.count())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::fixture::environment;
    use crate::state::journal::{Operation, Uninstallation};

    fn journal() -> Journal {
        let uninstall = Uninstallation {
            purge: false,
            units: Vec::new(),
            tags: Vec::new(),
            packages: Vec::new(),
            installation: None,
            created: Vec::new(),
            receipt: None,
        };
        Journal::new(environment(), Operation::Uninstall(uninstall))
    }

    fn all() -> Vec<RelativePath> {
        STATE_AND_PARENTS.map(RelativePath::known).to_vec()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn is_created_locked_and_with_its_journal() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        assert!(State::open(&layout).unwrap().is_none());
        let state = State::create(&layout, &journal()).unwrap();
        assert_eq!(Journal::read(&layout).unwrap(), Some(journal()));
        assert!(matches!(State::open(&layout), Err(LockError::Busy)));
        assert!(matches!(State::create(&layout, &journal()), Err(LockError::Busy)));
        drop(state);
        assert!(State::open(&layout).unwrap().is_some());
    }

    #[test]
    fn a_first_journal_that_stays_although_writing_it_failed_is_for_recovery() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(layout.state()).unwrap();
        std::fs::write(layout.serial_floor(), "1\n").unwrap();
        let state = State::open(&layout).unwrap();
        // A folder cannot be replaced by a file: the rename fails.
        std::fs::create_dir(layout.journal()).unwrap();
        let error = State::begin(state, &layout, &journal()).unwrap_err();
        assert!(error.to_string().contains("undoing that failed as well"), "{error}");
        assert!(matches!(error, StateError::Unsettled { .. }));
    }

    #[test]
    fn an_empty_folder_gets_a_lock_only_while_something_is_under_way() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(layout.state()).unwrap();
        assert!(State::open(&layout).unwrap().is_none());
        assert_eq!(names(&layout.state()), [""; 0]);
        let state = State::begin(None, &layout, &journal()).unwrap();
        assert_eq!(names(&layout.state()), ["journal.json", "lock"]);
        state.remove(&[]).unwrap();
        assert_eq!(names(&layout.state()), [""; 0]);
    }

    #[test]
    fn is_removed_with_the_parents_that_it_created() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        State::create(&layout, &journal()).unwrap().remove(&all()).unwrap();
        assert_eq!(names(root.path()), [""; 0]);
    }

    #[test]
    fn leaves_parents_that_were_there_or_hold_more() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        let state = State::create(&layout, &journal()).unwrap();
        std::fs::write(layout.at("var/lib/other"), "").unwrap();
        state.remove(&all()).unwrap();
        assert_eq!(names(&layout.at("var/lib")), ["other"]);

        let state = State::create(&layout, &journal()).unwrap();
        state.remove(&[RelativePath::known(STATE_FOLDER)]).unwrap();
        assert_eq!(names(&layout.at(DATA_FOLDER)), [""; 0]);
    }

    #[test]
    fn removes_what_a_killed_process_left_and_nothing_that_is_in_use() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(root.path().join(".var.partial/lib/landfall")).unwrap();
        let staging_dir = root.path().join(".var.partial");
        let in_use = lock_folder(&staging_dir).unwrap();
        assert!(matches!(remove_partial(&layout), Err(LockError::Busy)));
        drop(in_use);
        assert!(remove_partial(&layout).unwrap());
        assert!(!remove_partial(&layout).unwrap());
        assert_eq!(names(root.path()), [""; 0]);
    }
}
