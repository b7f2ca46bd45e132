//! Asks the installed runtime which images tenants were created from: only the runtime reads the database.

use crate::layout::Layout;
use landfall_host::subprocess::{Subprocess, SubprocessError};
use landfall_manifests::{Digest, ReleaseId};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

/// How long the runtime may take: it reads one table.
const LIMIT: Duration = Duration::from_secs(30);
/// How much it may answer, in bytes: more than ten thousand digests.
const OUTPUT_BYTES: usize = 1 << 20;

/// The runtime did not answer which images tenants need.
#[derive(Debug, thiserror::Error)]
pub(super) enum TenantsError {
    #[error(transparent)]
    Program(#[from] SubprocessError),
    #[error("`landfall images` ended with exit code {code}: {said}")]
    Refused { code: i32, said: String },
    #[error("`landfall images` answered something else than a list of images")]
    Answer(#[source] serde_json::Error),
}

#[derive(serde::Deserialize)]
struct Images {
    images: BTreeSet<Digest>,
}

/// The digests of the configurations of all images that tenants were created from.
pub(super) fn needed_images(layout: &Layout, release: &ReleaseId) -> Result<BTreeSet<Digest>, TenantsError> {
    let program = Subprocess::new(layout.release(release).join("bin/landfall"));
    let program =
        program.args([OsString::from("--root"), layout.at("").into_os_string(), "images".into(), "--json".into()]);
    let answer = program.timeout(LIMIT).output_limit(OUTPUT_BYTES).run()?;
    if answer.code != 0 {
        return Err(TenantsError::Refused { code: answer.code, said: answer.stderr_tail });
    }
    let images: Images = serde_json::from_slice(&answer.stdout).map_err(TenantsError::Answer)?;
    Ok(images.images)
}
