//! Bundles on their media: one file, or several parts in any folders, and perhaps a patch beside them. They are read where they
//! are, and never joined or unpacked.
//!
//! * [`Media`] reads a bundle. Every byte is read from a medium once: what has to be read before the pass over the bundle
//!   (manifest, signatures, the header after them, the release's settings) is cached and served to that pass from memory. A
//!   medium that shows something else the second time gains nothing.
//! * [`verify()`] compares every byte of a bundle with its manifest.
//! * [`UnverifiedBundle`] is a bundle whose signatures were not checked: a bundler shows it or copies it, also into a patch.
//! * [`Destination`] and [`PartFiles`] write a bundle, whole or in parts, and put it in the place of an older one.
//! * [`ParityEncoder`] makes the parity file of a bundle. Where one lies beside a bundle, what its medium does not give back is
//!   computed while it is read, and [`RecoveryReport`] says what that was.
//! * [`RequestFile`] is the repair request for what is damaged.
//! * [`BundleError`] and [`DamageReport`] say what is wrong, and where: in which part, at which offset of it and of the bundle,
//!   in which blob, and what of the release needs that blob.
//!
//! All offsets are those of the bundle. Only this library knows which part has a byte, and which bytes a patch replaces.
//!
//! Each program gives the errors their exit codes and hints.

mod damage;
mod errors;
mod http;
mod media;
mod parity;
mod patch;
mod read_once_cache;
mod reader;
mod repair_request;
mod source;
#[cfg(test)]
mod tests;
mod unverified;
mod verify;
mod write;

pub use errors::bundle_error::{BundleError, DamageReport, is_head_damaged};
pub use errors::media_error::{MediaError, media_error};
pub use http::get;
pub use media::{BundleLocation, Media};
pub use parity::{RecoveredRange, RecoveryReport};
pub use reader::Reader;
pub use repair_request::{RequestFile, RequestFileError, read_request};
pub use source::prompt::{MediumPrompt, Unattended};
pub use unverified::UnverifiedBundle;
pub use verify::verify;
pub use write::{
    CopyError, Destination, DurableFiles, ParityEncoder, ParityError, PartFiles, PartWriter, RecordingWriter,
    folder_of, parts_at, settle,
};
