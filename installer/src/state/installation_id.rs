//! The installation's id. It outlives an uninstallation as the tenants' volumes do, which bear it, and is in `installed.json` too.

use super::installed::Installed;
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

/// Writes the id as the record has it, where its file is gone or holds something else. Returns whether it had to.
pub(crate) fn restore_installation_id(layout: &Layout) -> Result<bool, RecordError> {
    let Some(installed) = Installed::read(layout)? else { return Ok(false) };
    match read_installation_id(layout) {
        Ok(Some(found)) if found == installed.installation => return Ok(false),
        Ok(_) | Err(RecordError::Text { .. }) => {}
        Err(error) => return Err(error),
    }
    write_installation_id(layout, &installed.installation)?;
    Ok(true)
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
    use crate::fixture::{installation, installed, installed_release};
    use crate::record::write_json;

    #[test]
    fn an_id_that_was_lost_comes_back_from_the_record() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(layout.state()).unwrap();
        assert!(!restore_installation_id(&layout).unwrap(), "nothing is installed");
        write_json(&layout.installed(), &installed(installed_release("1.0.0", 1), Vec::new())).unwrap();
        for lost in [None, Some("nonsense"), Some("00000000000000000000000000000000\n")] {
            durable::remove(&layout.installation_id()).unwrap();
            if let Some(text) = lost {
                std::fs::write(layout.installation_id(), text).unwrap();
            }
            assert!(restore_installation_id(&layout).unwrap(), "{lost:?}");
            assert_eq!(read_installation_id(&layout).unwrap(), Some(installation()));
            assert!(!restore_installation_id(&layout).unwrap());
        }
    }

    #[test]
    fn no_two_ids_are_the_same() {
        assert_ne!(draw_installation_id().unwrap(), draw_installation_id().unwrap());
    }
}
