//! Loads images into the engine, straight from the store.

use super::{ImageError, StepError, Work};
use crate::durable::At as _;
use crate::engine::{ImageEngine, LocalImage, Owned, Volumes, labels, write_archive};
use crate::host_context::HostContext;
use crate::interrupt::Interruptible;
use crate::plan::{Action, PlannedImage};
use crate::state::journal::{StepName, Transition};
use crate::store::Store;
use landfall_console::{Progress, message_with_causes};
use landfall_manifests::{Digest, Image, Layer, limits};
use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::time::Duration;

/// An engine finishes an archive that it has read, even when the sender was killed. How long to wait for an engine that reports such
/// work, and how long for one that reports nothing.
const AFTERMATH: Duration = Duration::from_mins(10);
const SILENCE: Duration = Duration::from_secs(2);
/// How much of a layer is decompressed at once, in bytes.
const CHUNK: usize = 256 << 10;
const POLL: Duration = Duration::from_millis(200);

/// In an automatic revert a release without all its images is better than one that does not stay up.
pub(super) fn act(work: &Work<'_>, _: &Transition) -> Result<(), StepError> {
    match load_all(work) {
        Err(error) if work.host.attendance.tolerates_missing_images() => {
            let (id, reason) = (work.release.id(), message_with_causes(&error));
            work.host.console.warn(format_args!("images of {id} may be missing in the engine: {reason}"));
            Ok(())
        }
        other => other,
    }
}

fn load_all(work: &Work<'_>) -> Result<(), StepError> {
    let Some(engine) = work.host.engine()? else { return Ok(()) };
    let takes_partial_archives = engine.about()?.takes_partial_archives;
    let store = Store::new(&work.host.layout);
    // The plan has one entry for each image, in the manifest's order.
    for (image, planned) in work.release.images.iter().zip(work.images) {
        match &planned.action {
            Action::Keep => {}
            Action::Tag(id) => engine.tag(id, &planned.tag)?,
            Action::Load(layers) => {
                let progress = work.host.console.progress(format!("load {}", image.name), Some(planned.bytes));
                load(engine, &store, image, planned, layers, &progress).map_err(|error| error.of_image(&image.name))?;
                progress.finish();
            }
        }
        // Asked after each action: an engine that took an archive without an error may have made something else of it.
        let found = engine.image(&planned.tag)?;
        check(image, found.as_ref(), takes_partial_archives)
            .map_err(|reason| StepError::EngineImage { image: image.name.to_string(), reason })?;
    }
    Ok(())
}

fn load(
    engine: &dyn ImageEngine,
    store: &Store,
    image: &Image,
    planned: &PlannedImage,
    layers: &BTreeSet<Digest>,
    progress: &Progress,
) -> Result<(), ImageError> {
    // Bounded, since the store is not hashed here: a file that grew on the disk must not fill the memory.
    let mut config = Vec::new();
    let stored = store.open(&image.config)?;
    let path = store.path(&image.config);
    stored.take(limits::IMAGE_JSON_BYTES).read_to_end(&mut config).at("read", &path)?;
    let open_layer = |layer: &Layer| {
        // Compared with the diffID while it is decompressed: a blob that was damaged in the store never becomes a
        // layer.
        let decoder = store.decoder(&layer.content()).map_err(io::Error::other)?;
        let decoder = io::BufReader::with_capacity(CHUNK, decoder);
        Ok(Box::new(progress.reader(decoder)) as Box<dyn io::Read>)
    };
    // A signal is looked for at each piece: an image takes its time.
    let mut write = |out: &mut dyn io::Write| {
        write_archive(image, &config, &planned.tag, layers, &open_layer, &mut Interruptible(out))
    };
    Ok(engine.load(&mut write)?)
}

/// Whether what the engine made of an image is that image. With containerd's store the id is the digest of a manifest that
/// the engine wrote itself; then layers and platform have to do.
fn check(image: &Image, found: Option<&LocalImage>, id_is_config: bool) -> Result<(), String> {
    let found = found.ok_or("the engine loaded it and does not have it")?;
    let expected: Vec<Digest> = image.layers.iter().map(|layer| layer.diff_id).collect();
    // The layers' order is part of the comparison: with the configuration, the diffIDs are what identifies an image
    // (OCI image specification, config).
    if found.diff_ids != expected {
        return Err("the engine's image has other layers".to_owned());
    }
    if found.platform != image.platform {
        return Err(format!("the engine's image is for {}, not for {}", found.platform, image.platform));
    }
    if id_is_config && found.id != image.config.to_string() {
        return Err(format!("the engine calls it {}, its configuration is {}", found.id, image.config));
    }
    Ok(())
}

/// Removes the tags that were not there before; with its last tag the engine removes an image.
///
/// A release that is to run again does not wait for that: a tenant may have been created from a new image in the meantime, or the engine
/// may be down. What stays has a tag of no release, which the next collection finds.
pub(super) fn undo(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    match untag(host, transition) {
        // The engine came with this transition, and goes with it, wherever it is by now.
        Err(error) if !transition.packages.is_empty() => {
            host.console.detail(format_args!("the engine is not asked any more: {}", message_with_causes(&error)));
            Ok(())
        }
        Err(error) if transition.before.is_some() => {
            let (id, reason) = (transition.target().id(), message_with_causes(&error));
            host.console.warn(format_args!("images of {id} stay in the engine: {reason}"));
            Ok(())
        }
        other => other,
    }
}

fn untag(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    // Without new tags there is nothing to ask an engine that may be down.
    if transition.tags.is_empty() {
        return Ok(());
    }
    let Some(engine) = host.engine()? else { return Ok(()) };
    if transition.has_begun(StepName::Probe) {
        // The tenant of the self-check uses a new image: as long as its container exists, the engine keeps that image.
        let canary = Owned::of_tenant(&transition.after.installation, labels::CANARY);
        engine.remove_owned(&canary, Volumes::Remove)?;
    }
    // A later step in the journal means that each load had returned: the engine is not at work on one any more.
    let cut_off = transition.steps.last() == Some(&StepName::Load);
    let mut waited = Duration::ZERO;
    loop {
        // Asked before the tags are removed: what it was at work on may get its tag in between.
        let patience = if !cut_off {
            Duration::ZERO
        } else if engine.is_loading()? {
            AFTERMATH
        } else {
            SILENCE
        };
        for tag in &transition.tags {
            engine.untag(tag)?;
        }
        if waited >= patience {
            return Ok(());
        }
        std::thread::sleep(POLL);
        waited += POLL;
    }
}

#[cfg(test)]
mod tests;
