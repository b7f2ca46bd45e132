//! What may be run: execve(2) knows a program by how its file begins. What it does not know, execvp(3) gives to a shell, and a
//! damaged program would be run as whatever its bytes happen to say.

use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// How a program begins (elf(5), `e_ident`).
const ELF: &[u8] = b"\x7fELF";
/// How a script begins that names its interpreter by its path (execve(2), "Interpreter scripts").
const SCRIPT: &[u8] = b"#!/";

/// Refuses a file that is neither a program nor a script.
///
/// # Errors
/// The file cannot be read, or is neither (`ENOEXEC`).
pub fn check(path: &Path) -> io::Result<()> {
    let mut head = Vec::new();
    File::open(path)?.take(ELF.len() as u64).read_to_end(&mut head)?;
    if head == ELF || head.starts_with(SCRIPT) { Ok(()) } else { Err(Errno::NOEXEC.into()) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::subprocess::{Program, ProgramError};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_that_is_no_program_is_not_given_to_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        let (path, trace) = (folder.path().join("landfall"), folder.path().join("trace"));
        let line = format!("\ntouch {}\n", trace.display());
        for head in [&[0; 16 << 10][..], b"", b"the runtime", b"\x7fEL", b"#!", b"#! /bin/sh"] {
            std::fs::write(&path, [head, line.as_bytes()].concat()).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            let error = Program::new(&path).run().unwrap_err();
            assert!(matches!(error, ProgramError::Start { .. }), "{head:?}: {error}");
            assert!(!trace.exists(), "{head:?}: was run");
        }
    }
}
