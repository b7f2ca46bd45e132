//! Every reader of outside input as a function of bytes: what `make fuzz` feeds with anything, and `make test` with seeds and
//! with what fuzzers once found.
//!
//! A [`Target`] does more than call its reader: it checks a property of what was read, such as that it can be
//! written again as it was. A property that does not hold is a panic. Seeds are made by code, mostly by the writers that make
//! the real thing, and each one must be accepted: a seed that is refused leads a fuzzer nowhere.

#![expect(clippy::expect_used, reason = "a property that does not hold has to end the run")]

mod archive;
mod blob;
mod bundle_index;
mod definition;
mod difference;
mod docker_archive;
mod image;
mod inventory;
mod key;
mod lock_file;
mod media;
mod oci_archive;
mod oci_layout;
mod package;
mod package_index;
mod packages;
mod parity;
mod parts;
mod patch;
mod public_key;
mod receipts;
mod registry;
mod release;
mod repair_request;
mod sample;
mod sbom;
mod secret_key;
mod settings;
mod signature;
mod tar_file;
mod transport;
mod trust_chain;
mod trust_root;

/// A reader, and what it is fed with.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its module, of its fuzz target and of its folder of seeds.
    pub name: &'static str,
    /// Reads an input. Panics if a property does not hold.
    pub read: fn(&[u8]) -> ReadOutcome,
    /// Inputs that are accepted.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Inputs for which a property once did not hold.
    pub findings: fn() -> Vec<Vec<u8>>,
    /// How inputs are changed, where changing any byte of them would mostly be refused for one and the same reason.
    pub mutate: Option<Mutate>,
}

/// Changes an input by a general mutation, in one of several ways, which the number picks.
pub type Mutate = fn(&[u8], u32, &mut dyn FnMut(Vec<u8>) -> Vec<u8>) -> Vec<u8>;

/// What a reader makes of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// It is what the reader reads.
    Accepted,
    /// It is not, and the reader returned an error.
    Refused,
}

impl<T, E> From<Result<T, E>> for ReadOutcome {
    fn from(result: Result<T, E>) -> Self {
        if result.is_ok() { Self::Accepted } else { Self::Refused }
    }
}

/// All of them, in the order of their names.
pub const TARGETS: &[Target] = &[
    archive::TARGET,
    blob::TARGET,
    bundle_index::TARGET,
    definition::TARGET,
    difference::TARGET,
    docker_archive::TARGET,
    inventory::TARGET,
    lock_file::TARGET,
    media::TARGET,
    oci_archive::TARGET,
    oci_layout::TARGET,
    package::TARGET,
    package_index::TARGET,
    packages::TARGET,
    parity::TARGET,
    parts::TARGET,
    patch::TARGET,
    public_key::TARGET,
    receipts::TARGET,
    registry::TARGET,
    release::TARGET,
    repair_request::TARGET,
    sbom::TARGET,
    secret_key::TARGET,
    settings::TARGET,
    signature::TARGET,
    trust_chain::TARGET,
    trust_root::TARGET,
];

/// The target of this name.
///
/// # Panics
/// There is none.
pub fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target of this name")
}

/// No such input of a target has been found yet.
fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

/// The texts of an input that holds several, each but the last followed by a line of its own with four dashes.
fn texts(input: &[u8]) -> Option<Vec<&str>> {
    Some(std::str::from_utf8(input).ok()?.split(SEPARATOR).collect())
}

const SEPARATOR: &str = "\n----\n";
