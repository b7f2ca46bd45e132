//! What errors of packages mean.

use super::build::{CHANGED, DEFINITION, SOURCE_FILE, of_download, of_store};
use super::classes::{unfit, usage};
use crate::host_packages::{PackageFault, ResolveError};
use landfall_console::{ErrorClass, Exit};

const MIRROR: &str = "try again later, or name another mirror: this one is damaged, or in the middle of an update";
const SIGNATURE: &str =
    "compare the mirror's address and the keyring: what it sends was not made by whom the keyring names";

pub(super) fn of_package(error: &PackageFault) -> ErrorClass {
    match error {
        PackageFault::Read { .. } => usage("missing_file", SOURCE_FILE),
        PackageFault::None(_) => usage("missing_file", "name a folder of .deb files"),
        PackageFault::NotADeb { .. } => ErrorClass::new(
            Exit::Damaged,
            "damaged_package",
            "get the package again, such as with `apt-get download`, or leave it out",
        ),
        PackageFault::Architecture { .. } => {
            usage("wrong_arch", "take the package for the release's arch, or correct arch in [release]")
        }
        PackageFault::Twice(_) => usage("definition", "leave all but one of them out"),
        PackageFault::Changed(_) => ErrorClass::new(Exit::Unexpected, "changed", CHANGED),
        PackageFault::Download { source, .. } => of_download(source),
        PackageFault::Signature { .. } => ErrorClass::new(Exit::Untrusted, "signature", SIGNATURE),
        PackageFault::Gpgv(_) => unfit("no_gpgv", "install gpgv, which every Debian has in the package of that name"),
        PackageFault::Suite { .. } => ErrorClass::new(
            Exit::Untrusted,
            "suite",
            "name the suite as it calls itself, such as bookworm; if that is right, the mirror sends another one",
        ),
        PackageFault::Index { .. }
        | PackageFault::Digest { .. }
        | PackageFault::Longer { .. }
        | PackageFault::Unlisted { .. } => ErrorClass::new(Exit::Damaged, "damaged_mirror", MIRROR),
        PackageFault::NoIndex { .. } => usage("definition", DEFINITION),
        PackageFault::Resolve(error) => match error {
            ResolveError::NoSuchPackage(_) => usage("no_such_package", "correct the name, or add a suite that has it"),
            ResolveError::Unfulfilled { .. } => {
                usage("unfulfilled", "add the suite that has it, such as bookworm-updates, or its component")
            }
            ResolveError::Conflict { .. } => usage("conflict", "ask for packages that go together"),
            ResolveError::TooMany => usage("too_many_packages", "ask for fewer packages"),
        },
        PackageFault::Temporary(_) => unfit("cannot_write", "name a folder that you can write to with TMPDIR"),
        PackageFault::Store(error) => of_store(error),
    }
}
