//! The installation's id. It outlives an uninstallation as the tenants' volumes do, which bear it, and is in `installed.json` too.

use crate::durable::{self, PathError};
use crate::engine::{InstallationId, RANDOM_BYTES};
use crate::layout::Layout;
use crate::record::{RecordError, read_line};
use std::io;

/// The longest file that is read, in bytes: 32 digits and the end of the line.
const LONGEST: u64 = 64;

/// The id in its file, if it is there.
pub(crate) fn read_installation_id(layout: &Layout) -> Result<Option<InstallationId>, RecordError> {
    read_line(&layout.installation_id(), LONGEST, "id of an installation")
}

/// Writes the id where the runtime reads it.
pub(crate) fn write_installation_id(layout: &Layout, id: &InstallationId) -> Result<(), PathError> {
    durable::write(&layout.installation_id(), format!("{id}\n").as_bytes(), 0o600)
}

/// The file does not hold the id that `installed.json` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdFault {
    #[error("was missing")]
    Missing,
    /// It holds another id, or none.
    #[error("differed")]
    Differed,
}

/// What is wrong with the file, given the id that `installed.json` has.
pub(crate) fn find_id_fault(layout: &Layout, recorded: &InstallationId) -> Option<IdFault> {
    match read_installation_id(layout) {
        Ok(Some(found)) if found == *recorded => None,
        Ok(None) => Some(IdFault::Missing),
        // One that cannot be read is of no more use to the runtime than another one.
        Ok(Some(_)) | Err(_) => Some(IdFault::Differed),
    }
}

/// Writes the id that `installed.json` has, where its file is gone or holds something else. Returns what was wrong.
pub(crate) fn restore_installation_id(
    layout: &Layout,
    recorded: &InstallationId,
) -> Result<Option<IdFault>, PathError> {
    let fault = find_id_fault(layout, recorded);
    if fault.is_some() {
        write_installation_id(layout, recorded)?;
    }
    Ok(fault)
}

/// A new id.
///
/// # Errors
/// The kernel gives no random bytes.
pub(crate) fn draw_installation_id() -> io::Result<InstallationId> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(InstallationId::from_random(random))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::fixture::installation;

    #[test]
    fn an_id_that_was_lost_comes_back_from_the_record() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(layout.state()).unwrap();
        let too_long = "0".repeat(100);
        for lost in [None, Some("nonsense"), Some("00000000000000000000000000000000\n"), Some(&too_long)] {
            durable::remove(&layout.installation_id()).unwrap();
            if let Some(text) = lost {
                std::fs::write(layout.installation_id(), text).unwrap();
            }
            let fault = if lost.is_some() { IdFault::Differed } else { IdFault::Missing };
            assert_eq!(restore_installation_id(&layout, &installation()).unwrap(), Some(fault), "{lost:?}");
            assert_eq!(read_installation_id(&layout).unwrap(), Some(installation()));
            assert_eq!(restore_installation_id(&layout, &installation()).unwrap(), None);
        }
    }

    #[test]
    fn no_two_ids_are_the_same() {
        assert_ne!(draw_installation_id().unwrap(), draw_installation_id().unwrap());
    }
}
