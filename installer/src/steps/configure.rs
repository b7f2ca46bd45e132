//! What belongs to the host: settings, trust root, administrator's token. What is there from before stays.

use super::Work;
use crate::durable;
use crate::journal::Transition;
use crate::layout::SETTINGS_FOLDER;
use crate::site::Site;
use crate::trust;
use anyhow::Context as _;
use std::path::Path;
use zeroize::Zeroizing;

/// How many random bytes the token has.
const TOKEN_BYTES: usize = 32;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> anyhow::Result<()> {
    work.make_folders(&[SETTINGS_FOLDER])?;
    let layout = &work.site.layout;
    let new = |path: &Path| transition.files.iter().any(|file| layout.at(file) == path);
    if new(&layout.settings()) {
        durable::write(&layout.settings(), work.settings.as_bytes(), 0o644)?;
    }
    if new(&layout.trust_root()) {
        trust::raise(layout, transition.target(), work.site.console)?;
    }
    if new(&layout.admin_token()) {
        durable::write(&layout.admin_token(), token()?.as_bytes(), 0o600)?;
    }
    Ok(())
}

fn token() -> anyhow::Result<Zeroizing<String>> {
    let mut random = Zeroizing::new([0; TOKEN_BYTES]);
    getrandom::fill(random.as_mut_slice()).context("get random bytes for the administrator's token")?;
    let digits = Zeroizing::new(hex::encode(random.as_slice()));
    Ok(Zeroizing::new(format!("sk_admin_{}\n", digits.as_str())))
}

pub(super) fn undo(site: &Site, transition: &Transition) -> anyhow::Result<()> {
    for file in &transition.files {
        durable::remove(&site.layout.at(file))?;
    }
    Ok(())
}
