//! Chooses the implementation that speaks to an engine. A second kind of engine gets its arms here.

use crate::address::{EngineAddress, EngineChoice};
use crate::containers::ContainerEngine;
use crate::docker::{BlockingDocker, Docker};
use crate::error::EngineError;
use crate::images::{ImageEngine, ImageExporter};
use std::sync::Arc;

/// Connects to the engine at `address`, for the installer. `None` where there is no engine.
///
/// # Errors
/// The engine cannot be reached.
pub fn images(address: &EngineAddress) -> Result<Option<Box<dyn ImageEngine>>, EngineError> {
    match address {
        EngineAddress::None => Ok(None),
        EngineAddress::Unix(_) | EngineAddress::Url(_) => Ok(Some(Box::new(BlockingDocker::connect(address)?))),
    }
}

/// Connects to the engine at `address`, for the bundler.
///
/// # Errors
/// The engine cannot be reached.
pub fn exporter(address: &EngineAddress) -> Result<Box<dyn ImageExporter>, EngineError> {
    Ok(Box::new(BlockingDocker::connect(address)?))
}

/// The engine that `choice` names, for the runtime. It is looked for and connected to at the first request, and again after
/// the connection broke: the engine may start later, be restarted, or be replaced by another version.
pub fn containers(choice: EngineChoice) -> Arc<dyn ContainerEngine> {
    Arc::new(Docker::for_service(choice))
}
