//! What each error means to the caller: its exit code, its word for scripts, and what to do next.
//!
//! Every `match` here is without a wildcard, so that a new kind of error does not compile until it has its row. The test beside
//! it holds a sample of each.

mod build;
mod bundle;
mod classes;
mod host_packages;
mod keys;

use crate::error::Error;
use crate::partial_folder::Busy;
use crate::stick::StickError;
use build::{
    of_assembly, of_build_host, of_cache, of_definition, of_file, of_lock_file, of_output, of_packed_release, of_plan,
    of_signing, of_source, of_starter, of_store,
};
use bundle::{
    of_bundle, of_copy, of_database, of_delta, of_document, of_folder_index, of_repair, of_root_file, of_stick,
};
use classes::{DAMAGED, PARTS_TOO_SMALL, ROOM, ROOM_FOR_COPY, unfit, usage};
use host_packages::of_package;
use keys::{of_cli_trust, of_key_file, of_key_pair, of_trust_folder};
use landfall_console::{Classify, ErrorClass, Exit, StorageFault};

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        // A medium has its own words for being full or read-only.
        if let Self::Stick(error) = self
            && !matches!(error, StickError::Copy(_))
        {
            return of_stick(error);
        }
        if Busy::is_among(self) {
            return ErrorClass::new(Exit::Busy, "busy", "repeat it when that run is done");
        }
        // Whatever was being done, it failed for want of room.
        let room = if matches!(self, Self::Copy(_) | Self::Stick(_)) { ROOM_FOR_COPY } else { ROOM };
        if let Some(class) = StorageFault::among(self).and_then(|fault| of_storage(fault, room)) {
            return class;
        }
        match self {
            Self::Definition(error) => of_definition(error),
            Self::LockFile(error) => of_lock_file(error),
            Self::Cache(error) => of_cache(error),
            Self::BuildHost(error) => of_build_host(error),
            Self::Plan(error) => of_plan(error),
            Self::Output(error) => of_output(error),
            Self::File(error) => of_file(error),
            Self::Image(error) => of_source(&error.source),
            Self::Package(error) => of_package(&error.source),
            Self::Store(error) => of_store(error),
            Self::PackedRelease(error) => of_packed_release(error),
            Self::Assemble(error) => of_assembly(error),
            Self::Sign(error) => of_signing(error),
            Self::Release(_) => DAMAGED,
            Self::Bundle(error) => of_bundle(error),
            Self::Copy(error) => of_copy(error),
            Self::PartSize(_) => PARTS_TOO_SMALL,
            Self::Delta(error) => of_delta(error),
            Self::FolderIndex(error) => of_folder_index(error),
            Self::Repair(error) => of_repair(error),
            Self::Stick(error) => of_stick(error),
            Self::RootFile(error) => of_root_file(error),
            Self::Starter(error) => of_starter(error),
            Self::Document(error) => of_document(error),
            Self::NoEvidence(_) => usage("no_sbom", "build it anew, without `evidence = false` in [release]"),
            Self::Database(error) => of_database(error),
            Self::Summary(_) => unfit("cannot_write", "name another file with --summary"),
            Self::KeyPair(error) => of_key_pair(error),
            Self::KeyFile(error) => of_key_file(error),
            Self::CliTrust(error) => of_cli_trust(error),
            Self::TrustFolder(error) => of_trust_folder(error),
            Self::DefinitionTrust { source, .. } => of_trust_folder(source),
            Self::NoSpace { class, .. } => *class,
            Self::Stdout(_) | Self::Format(_) => ErrorClass::UNEXPECTED,
        }
    }
}

fn of_storage(fault: StorageFault, room: &'static str) -> Option<ErrorClass> {
    match fault {
        StorageFault::Full => Some(unfit("disk_full", room)),
        StorageFault::FileTooLarge => {
            Some(unfit("file_too_large", "write to a file system that holds files of this size"))
        }
        StorageFault::ReadOnly => Some(unfit("read_only", "write to another disk with --out")),
        // What to do depends on the file.
        StorageFault::NotPermitted => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
