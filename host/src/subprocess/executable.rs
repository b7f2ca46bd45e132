//! What may be run: execve(2) knows a program by how its file begins. A file that it does not know, execvp(3) gives to a shell,
//! which would run a damaged program as whatever its bytes happen to say.

use crate::regular;
use rustix::io::Errno;
use std::io::{self, Read as _};
use std::path::Path;

/// How a program begins (elf(5), `e_ident`).
const ELF: &[u8] = b"\x7fELF";
/// How a script begins that names its interpreter by its path (execve(2), "Interpreter scripts").
const SCRIPT: &[u8] = b"#!/";

/// Refuses a file that is neither a program nor a script (`ENOEXEC`).
pub(super) fn check(path: &Path) -> io::Result<()> {
    let mut head = Vec::new();
    regular::open(path)?.0.take(ELF.len() as u64).read_to_end(&mut head)?;
    // Only with a path: `#! sh` would be looked for in the folder in which the program happens to be run.
    if head == ELF || head.starts_with(SCRIPT) { Ok(()) } else { Err(Errno::NOEXEC.into()) }
}
