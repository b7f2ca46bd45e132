//! The Landfall bundle, format 1, as pure data and streams: no file system, no clock, no runtime.
//!
//! A bundle is an uncompressed ustar archive, an OCI image layout and an archive that `docker load` takes, all at once:
//!
//! 1. `landfall.json`, the [`Release`] manifest: the bytes that are signed;
//! 2. `landfall.json.<KEYID>.minisig`, one to sixteen detached minisign signatures, sorted by name;
//! 3. `oci-layout`, `index.json` and `manifest.json`, and an OCI manifest for each image that came with one in Docker's form;
//! 4. `blobs/sha256/<hex>` in the manifest's order; two blocks of zeros end it.
//!
//! Reading goes one way:
//!
//! 1. [`Head::read`] reads the manifest and the signatures within their limits.
//! 2. [`Head::verify`] checks that enough trusted keys have signed the manifest, and only then parses it.
//! 3. The [`Bundle`] knows every byte that has to follow, and of the blobs' content the digests. Headers are computed and
//!    compared ([`archive::header`]), never parsed.
//!
//! A bundle may be cut into byte ranges ([`parts`]). When some of it arrives damaged, a host asks for it
//! ([`repair::RepairRequest`]), and a [`patch`] with just those blobs replaces them. Where a [`parity`] file lies beside the bundle,
//! the host computes the damaged blocks itself.
//!
//! Writing goes the other way: a [`Release`] is signed into a [`Signed`], and only that can be written ([`Writer`]).

pub mod archive;
mod base;
mod bundle;
mod bundle_index;
mod check;
pub mod difference;
mod digest;
mod exact_read;
mod head;
mod image_layout;
mod inventory;
pub mod limits;
mod names;
pub mod oci;
mod package;
pub mod parity;
pub mod parts;
pub mod patch;
mod path;
mod read_error;
mod release;
pub mod repair;
pub mod sbom;
mod signed;
mod tenant;
mod text;
mod version;
mod writer;

pub use base::{Base, BaseRelease, Content, Difference};
pub use bundle::{Bundle, Entry, OtherManifest};
pub use bundle_index::{BundleIndex, INDEX_NAME, IndexError, IndexedBundle, SignedIndex};
pub use check::{Problem, ReleaseError};
pub use digest::{Digest, DigestError, Hasher};
pub use head::{Head, VerifiedHead};
pub use inventory::{Inventory, InventoryError, InventoryRelease, SignedInventory};
pub use names::{ImageName, NameError, Product};
pub use package::{HostSystem, Package, PackageName, PackageVersion};
pub use path::{BundlePath, Mode, ModeError, PathError};
pub use read_error::ReadError;
pub use release::{Arch, Blob, Database, Encoding, File, Image, Layer, LayoutFile, Os, Release};
pub use signed::{SignError, Signed};
pub use tenant::{
    Capability, HealthCheck, HealthCommand, HealthError, HttpPath, OWN_VOLUMES, StartPeriod, Tenant, TenantProblem,
    Writable, WritablePath, WritablePathError,
};
pub use version::{ReleaseId, ReleaseIdError, Serial, SerialError, Version, VersionError};
pub use writer::{WriteError, Writer};
