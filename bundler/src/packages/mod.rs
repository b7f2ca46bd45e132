//! What packages files tell of: the databases of package managers, and what compilers note in programs. Each reader takes a file as it passes
//! by, piece by piece, and keeps no more of it than a bounded part.
//!
//! None of them fails: what cannot be read tells of no package.

mod apk;
mod dpkg;
mod elf_data;
mod go;
mod lines;
mod npm;
mod package;
mod python;
mod reader;
mod rust;

pub(crate) use package::{Distro, Package, PackageKind};
pub(crate) use reader::{FileKind, FileReader, Told};
