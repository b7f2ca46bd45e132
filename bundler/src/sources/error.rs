use super::decompressed::WideWindow;
use super::derived::AddError;
use crate::blob_store::{LayerError, StoreError};
use crate::cosign::{CosignError, CosignKeyError};
use crate::definition::DefinitionLine;
use crate::image_config::ConfigError;
use crate::plan::RequestedImage;
use crate::registry::{ReferenceError, RegistryError};
use landfall_console::{Count, Size};
use landfall_engine::EngineError;
use landfall_manifests::{Digest, ImageName};
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// An image of the definition cannot be packed.
#[derive(Debug, thiserror::Error)]
#[error("{line}: image {image}")]
pub(crate) struct ImageError {
    line: DefinitionLine,
    image: ImageName,
    /// Boxed, since errors are rare and it is large.
    pub(crate) source: Box<SourceError>,
}

impl RequestedImage {
    /// An error of this image.
    pub(crate) fn error(&self, source: impl Into<SourceError>) -> ImageError {
        ImageError { line: self.line.clone(), image: self.image.clone(), source: Box::new(source.into()) }
    }
}

/// What can be wrong with an image's source.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the archive cannot be read")]
    Archive(#[source] io::Error),
    #[error("the archive is cut off")]
    CutOff,
    #[error("its compressed stream is damaged")]
    Stream,
    #[error("its compressed stream needs a window of more than 32 MiB to be unpacked")]
    Window,
    #[error("standard input is a terminal, and no archive")]
    Terminal,
    #[error("it is no tar archive")]
    NotTar,
    #[error("it is compressed with {0}")]
    Compressed(&'static str),
    #[error("there is no {0} in it: is the transport right?")]
    NoEntry(String),
    #[error("it has no image {requested:?}; it has {}", list(available))]
    NoSuchImage { requested: String, available: Vec<String> },
    #[error("it has several images ({}): name one of them after another colon", list(available))]
    Ambiguous { available: Vec<String> },
    #[error(
        "several images in it have the name {requested:?}: name one by its id ({}), or give them names that differ",
        list(ids)
    )]
    SameName { requested: String, ids: Vec<String> },
    #[error("it has no image for {requested}; it has {}", list(available))]
    NoSuchPlatform { requested: String, available: Vec<String> },
    #[error("it is for {found}, and the release is for {requested}")]
    Platform { found: String, requested: String },
    #[error("{what} does not parse")]
    Json { what: String, source: serde_json::Error },
    #[error("{what} is larger than {limit}")]
    TooLarge { what: String, limit: Size },
    #[error("it has {0} layers, more than the 127 that an engine can stack")]
    TooManyLayers(usize),
    #[error("{what} is damaged: it should be {expected} and is {found}")]
    Digest { what: String, expected: Digest, found: Digest },
    #[error("{what} is damaged: it should have {expected} bytes and has {found}")]
    Size { what: String, expected: u64, found: u64 },
    #[error("its configuration names {}, and it has {found}", Count(*expected, "layer"))]
    LayerCount { expected: usize, found: usize },
    #[error("{what} has the media type {found:?}, which no engine loads")]
    MediaType { what: String, found: String },
    #[error("{what} is referred to as {said:?}, and calls itself {own:?}")]
    MediaTypes { what: String, said: String, own: String },
    #[error("its layer {digest} is not in it{}", at(name.as_deref()))]
    NoLayer {
        /// Of the layer as its image's documents name it.
        digest: Digest,
        /// The file that should hold it, where that has another name.
        name: Option<String>,
    },
    #[error("it has Docker's schema 1, which engines load no more")]
    Schema1,
    #[error("it is no container image, but {0}")]
    NotAnImage(String),
    #[error("the layer {0} is neither a tar archive, nor one compressed with gzip or zstd")]
    LayerKind(String),
    #[error("{} is a {kind}: an image made from a folder has files, folders and links only", path.display())]
    Special { path: PathBuf, kind: &'static str },
    #[error("{} has the extended attribute {name:?}, which no image can hold", path.display())]
    Attribute { path: PathBuf, name: String },
    #[error("{} has a name that engines take for the removal of a file", path.display())]
    Whiteout { path: PathBuf },
    #[error("{} is a secret key, which must not leave this machine", path.display())]
    SecretKey { path: PathBuf },
    #[error("{} changed while it was read", path.display())]
    Changed { path: PathBuf },
    #[error(transparent)]
    Add(#[from] AddError),
    #[error("its base's configuration cannot be changed")]
    BaseConfig(#[source] ConfigError),
    #[error("the layer {0} is foreign (its license forbids distributing it), and is not in it")]
    Foreign(String),
    #[error("layer {0}")]
    Layer(String, #[source] LayerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the container engine at {address} has no image {reference:?}")]
    NotInEngine { address: String, reference: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    CosignKey(#[from] CosignKeyError),
    #[error(transparent)]
    Cosign(#[from] CosignError),
}

impl SourceError {
    /// A layer that could not be taken in.
    pub(super) fn of_layer(name: String, error: LayerError) -> Self {
        match error {
            LayerError::Read(error) => match RegistryError::of_reading(error) {
                Ok(error) => error.into(),
                Err(error) => Self::Layer(name, LayerError::Read(error)),
            },
            other => Self::Layer(name, other),
        }
    }

    /// Whether what was read is not what it should be, and not only unfit.
    pub(super) fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Digest { .. }
                | Self::Size { .. }
                | Self::CutOff
                | Self::LayerKind(_)
                | Self::Layer(_, LayerError::Compression { .. } | LayerError::Window | LayerError::NotTar)
                | Self::Registry(RegistryError::Length { .. })
        )
    }

    /// For `map_err` of what is done to the file at `path`.
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }
}

impl SourceError {
    /// An error of reading an archive, whose stream may be compressed.
    pub(super) fn reading(error: io::Error) -> Self {
        let error = match RegistryError::of_reading(error) {
            Ok(error) => return error.into(),
            Err(error) => error,
        };
        match error.kind() {
            _ if error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<WideWindow>) => Self::Window,
            // What a decompressor says of a stream that stops, and of one that is wrong.
            io::ErrorKind::UnexpectedEof => Self::CutOff,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if error.raw_os_error().is_none() => Self::Stream,
            _ => Self::Archive(error),
        }
    }
}

fn at(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(": there is no file {name}"))
}

fn list(names: &[String]) -> String {
    /// As many as a person reads.
    const SHOWN: usize = 10;
    if names.is_empty() {
        return "none that has a name".to_owned();
    }
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    shown.join(", ") + more
}
