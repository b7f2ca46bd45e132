//! Classes that several errors share.

use landfall_console::{ErrorClass, Exit};

pub(super) const ROOM: &str = "free room there, or write to another disk with --out: packing needs the bundle's size, besides an older bundle there";
pub(super) const ROOM_FOR_COPY: &str =
    "free room there: what is written gets its name, and takes the place of an older one, only when all of it is there";
pub(super) const COPY_AGAIN: &str = "copy the bundle again from where it was made, and compare its sha256sum";
pub(super) const PART_SIZE: &str =
    "ask for larger parts; to sign a bundle in parts of the least size, join them first, as by `cat`";
pub(super) const ROOT: &str = "compare the root's sha256sum with the one that its publisher gave you out of band";
pub(super) const DAMAGED: ErrorClass = ErrorClass::new(Exit::Damaged, "damaged", COPY_AGAIN);
pub(super) const TRUST_CHAIN: ErrorClass = ErrorClass::new(Exit::Untrusted, "trust_chain", ROOT);
pub(super) const PARTS_TOO_SMALL: ErrorClass = usage("part_size", PART_SIZE);

pub(super) const fn usage(code: &'static str, hint: &'static str) -> ErrorClass {
    ErrorClass::new(Exit::Usage, code, hint)
}

pub(super) const fn unfit(code: &'static str, hint: &'static str) -> ErrorClass {
    ErrorClass::new(Exit::Unfit, code, hint)
}
