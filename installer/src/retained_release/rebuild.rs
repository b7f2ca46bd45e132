//! Makes a release's folder again from the store, in place of the damaged one.

use super::RetainedError;
use super::unfold::{self, UnfoldError};
use crate::durable;
use crate::layout::Layout;
use crate::store::Store;
use landfall_console::Console;
use landfall_keys::TrustRoot;
use landfall_manifests::Bundle;
use std::collections::BTreeSet;
use std::path::Path;

/// Whether the store has every blob that the folder needs, and has it right. `damaged` is what the folder lacks.
pub(super) fn check_store(layout: &Layout, bundle: &Bundle, damaged: &Path) -> Result<(), RetainedError> {
    let (release, store) = (bundle.release(), Store::new(layout));
    let mut checked = BTreeSet::new();
    for file in release.files.iter().filter(|file| checked.insert(file.blob)) {
        if !store.holds_content(&file.content()) {
            let (release, path) = (release.id().into(), damaged.to_owned());
            return Err(RetainedError::NoBlob { release, path, file: file.path.to_string(), blob: file.blob });
        }
    }
    Ok(())
}

/// Makes the folder under its temporary name, and exchanges the two.
pub(super) fn replace(
    layout: &Layout,
    bundle: &Bundle,
    trust: &TrustRoot,
    console: Console,
) -> Result<(), UnfoldError> {
    let id = bundle.release().id();
    let (partial, place) = (layout.partial_release(&id), layout.release(&id));
    // What an earlier repair left under the temporary name may be half a folder.
    durable::remove_tree(&partial)?;
    let made = unfold::unfold(layout, bundle, trust, &partial, console);
    let made = made.and_then(|()| Ok(durable::exchange(&partial, &place)?));
    // The temporary name now leads to the damaged folder or, after a failure, to the incomplete one.
    let removed = durable::remove_tree(&partial);
    made.and(Ok(removed?))
}
