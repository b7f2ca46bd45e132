//! `docker-daemon:`: images of a container engine on this machine, or of the one that `DOCKER_HOST` names.

use super::docker_archive::pack_stream;
use super::image::{ImageOutline, PackedImages};
use super::{ImageError, PackContext, SourceError};
use crate::plan::RequestedImage;
use landfall_engine::{Discovery, EngineAddress, ImageExporter, connect};

/// An image that the engine has.
struct FoundImage {
    /// The name to export it by.
    name: String,
    /// The number of its layers.
    layers: usize,
}

/// Takes all images in one export, in which layers that they share are there once.
pub(super) fn pack(requested: &[RequestedImage], packing: &mut PackContext<'_>) -> Result<PackedImages, ImageError> {
    let first = &requested[0];
    let (engine, found) = look(requested)?;
    let references: Vec<String> = found.into_iter().map(|image| image.name).collect();
    let progress = packing.console.progress("Reading from the engine", None);
    let export = engine.export(&references).map_err(|error| first.error(error))?;
    let stream = progress.reader(export);
    let packed = match requested {
        // An export of one image needs no name, so that an image that has none can be asked for by its id.
        [only] => pack_stream(stream, &[RequestedImage { reference: None, ..only.clone() }], packing),
        several => pack_stream(stream, several, packing),
    };
    let packed = packed?;
    progress.finish();
    Ok(packed)
}

/// Looks for all images in the engine.
pub(super) fn find(requested: &[RequestedImage]) -> Result<Vec<ImageOutline>, ImageError> {
    let (_, found) = look(requested)?;
    let outline = |(requested, found): (&RequestedImage, FoundImage)| ImageOutline {
        name: requested.image.clone(),
        layers: found.layers,
        config: None,
        kept: Vec::new(),
    };
    Ok(requested.iter().zip(found).map(outline).collect())
}

/// The engine, and what it has of each image.
fn look(requested: &[RequestedImage]) -> Result<(Box<dyn ImageExporter>, Vec<FoundImage>), ImageError> {
    let address = Discovery::on_this_machine().any_host();
    let engine = connect::exporter(&address).map_err(|error| requested[0].error(error))?;
    let found = requested.iter().map(|requested| {
        let reference = requested.reference.as_deref().unwrap_or_default();
        complete(engine.as_ref(), &address, reference).map_err(|error| requested.error(error))
    });
    let found = found.collect::<Result<_, _>>()?;
    Ok((engine, found))
}

/// Asks the engine for an image, since an export fails late and unclearly, and a name without a tag would export every tag of it.
fn complete(engine: &dyn ImageExporter, address: &EngineAddress, reference: &str) -> Result<FoundImage, SourceError> {
    let image = engine
        .image(reference)?
        .ok_or_else(|| SourceError::NotInEngine { reference: reference.to_owned(), address: address.to_string() })?;
    // The engine found the image by this text: if an id begins with it, it is one, and takes no tag.
    let is_id = [image.id.as_str(), image.id.trim_start_matches("sha256:")].iter().any(|id| id.starts_with(reference));
    let last = reference.rsplit('/').next().unwrap_or_default();
    let complete = is_id || last.contains([':', '@']);
    let name = if complete { reference.to_owned() } else { format!("{reference}:latest") };
    Ok(FoundImage { name, layers: image.diff_ids.len() })
}
