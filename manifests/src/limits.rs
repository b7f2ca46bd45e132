//! How much of anything a bundle may hold. Every reader stops at these, whatever the media claims.

use std::ops::RangeInclusive;

/// `landfall.json`, in bytes: room for some 40,000 files, and small enough to hold in memory.
pub const MANIFEST_BYTES: u64 = 16 << 20;
/// One detached signature, in bytes: four lines, the comments among them (minisign writes under 400).
pub const SIGNATURE_BYTES: u64 = 4 << 10;
/// Signatures in a bundle: as many as a threshold may ask for.
pub const SIGNATURES: usize = landfall_keys::MAX_RELEASE_SIGNATURES;
/// Public keys that a release may offer to an operator who has none.
pub const OFFERED_KEYS: usize = 16;
/// Releases that a delta bundle may be made against.
pub const BASES: usize = 16;
/// Parts that a bundle may be cut into: what three digits count.
pub const PARTS: u32 = 999;
/// A repair request, in bytes: room for more blobs than a manifest can list, and small enough to hold in memory.
pub const REQUEST_BYTES: u64 = 16 << 20;
/// The file of a host's inventory, in bytes.
pub const INVENTORY_BYTES: u64 = 16 << 20;
/// As many releases as an inventory names.
pub const INVENTORY_RELEASES: usize = 64;
/// The file of an index of bundles, in bytes.
pub const INDEX_BYTES: u64 = 4 << 20;
/// As many bundles as an index lists.
pub const INDEXED_BUNDLES: usize = 4096;
/// A product's name, in bytes: it is part of file names and image tags.
pub const PRODUCT_BYTES: usize = 32;
/// An image's name, in bytes.
pub const IMAGE_NAME_BYTES: usize = 64;
/// The name of an operating system and its version, in bytes.
pub const SYSTEM_BYTES: usize = 64;
/// Packages of a release, for all systems together: an engine with all that it needs has a few dozen.
pub const PACKAGES: usize = 1024;
/// A package's name, in bytes: it is part of a file's name.
pub const PACKAGE_NAME_BYTES: usize = 128;
/// A package's version, in bytes.
pub const PACKAGE_VERSION_BYTES: usize = 128;
/// A version, in bytes: it is part of folder names and image tags (at most 128: OCI distribution specification, "tag").
pub const VERSION_BYTES: usize = 64;
/// A path in a release, in bytes: Linux' `PATH_MAX` is 4,096, and the folder that it is put into needs some of it.
pub const PATH_BYTES: usize = 1024;
/// One component of a path, in bytes: Linux' `NAME_MAX`.
pub const PATH_COMPONENT_BYTES: usize = 255;
/// Free text in the manifest, such as an image's source, in bytes.
pub const TEXT_BYTES: usize = 1024;
/// A serial: the largest integer that JSON carries exactly (RFC 8259, section 6).
pub const SERIAL: u64 = (1 << 53) - 1;
/// All blobs, files and layers of a release, in bytes: 1 PiB, so that no offset in a bundle can overflow 64 bits.
pub const BLOB_BYTES: u64 = 1 << 50;
/// The largest window of a blob that is compressed with zstd, as a power of two of bytes: 32 MiB, which keeps the installer
/// under 64 MiB of memory. The bundler's own blobs need 8 MiB at most; only layers packed elsewhere with `--long` or
/// `--ultra` need more.
pub const ZSTD_WINDOW_LOG: u32 = 25;
/// An image's configuration or manifest, in bytes (OCI distribution specification, "manifest maximum size").
pub const IMAGE_JSON_BYTES: u64 = 4 << 20;
/// Layers of an image: what Docker's overlay storage can stack.
pub const LAYERS: usize = 127;
/// Paths that a tenant image can have writable, its `VOLUME`s included: far more than applications have.
pub const WRITABLE_PATHS: usize = 32;
/// A tmpfs of a tenant, in bytes: from the kernel's smallest, a page, to more memory than hosts have.
pub const TMPFS_BYTES: RangeInclusive<u64> = (4 << 10)..=(1 << 40);
/// The memory that a tenant image may need, in bytes: no container starts with less than the first.
pub const TENANT_MEMORY_BYTES: RangeInclusive<u64> = (8 << 20)..=(1 << 40);
/// The time that a tenant may take to be healthy, in seconds: a self-check waits for it, and an operator for the self-check.
pub const START_PERIOD_SECONDS: RangeInclusive<u16> = 1..=600;
/// Words of a command in a container.
pub const COMMAND_WORDS: usize = 32;
