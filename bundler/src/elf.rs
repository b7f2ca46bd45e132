//! Which processor a program is for: the first bytes of its ELF header (System V ABI, "ELF Header").

use landfall_manifests::Arch;

/// As much of a program as is looked at, in bytes: up to and with `e_machine`.
pub(crate) const HEADER_BYTES: usize = 20;

const MAGIC: &[u8; 4] = b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

/// A file is not a program for the release's processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ElfError {
    #[error("it is not a program: it does not begin with a 64-bit ELF header")]
    NotElf,
    #[error("it is a program for {0}")]
    OtherArch(&'static str),
    #[error("it is a program for another processor (ELF machine {0})")]
    OtherMachine(u16),
}

/// Checks that a program that begins with `header` is for `arch`.
pub(crate) fn check(header: &[u8], arch: Arch) -> Result<(), ElfError> {
    let machine = machine(header).ok_or(ElfError::NotElf)?;
    let found = match machine {
        EM_X86_64 => Arch::Amd64,
        EM_AARCH64 => Arch::Arm64,
        other => return Err(ElfError::OtherMachine(other)),
    };
    if found == arch { Ok(()) } else { Err(ElfError::OtherArch(found.name())) }
}

fn machine(header: &[u8]) -> Option<u16> {
    let ident = header.get(..6)?;
    // e_machine follows e_ident (16 bytes) and e_type (2 bytes).
    let machine = header.get(18..HEADER_BYTES)?;
    // Both processors that releases are for are 64-bit and little-endian.
    let known = ident.starts_with(MAGIC) && ident[4] == CLASS_64 && ident[5] == LITTLE_ENDIAN;
    known.then(|| u16::from_le_bytes([machine[0], machine[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(class: u8, order: u8, machine: u16) -> Vec<u8> {
        let mut header = [MAGIC.as_slice(), &[class, order], &[0; 12]].concat();
        header.extend(machine.to_le_bytes());
        header
    }

    #[test]
    fn knows_for_which_processor_a_program_is() {
        for (header, arch, expected) in [
            (header(2, 1, 62), Arch::Amd64, Ok(())),
            (header(2, 1, 183), Arch::Arm64, Ok(())),
            (header(2, 1, 183), Arch::Amd64, Err(ElfError::OtherArch("arm64"))),
            (header(2, 1, 62), Arch::Arm64, Err(ElfError::OtherArch("amd64"))),
            (header(2, 1, 243), Arch::Amd64, Err(ElfError::OtherMachine(243))),
            (header(1, 1, 3), Arch::Amd64, Err(ElfError::NotElf)),
            (header(2, 2, 62), Arch::Amd64, Err(ElfError::NotElf)),
            (header(2, 1, 62)[..19].to_vec(), Arch::Amd64, Err(ElfError::NotElf)),
            (b"#!/bin/sh\nexec /bin/true\n".to_vec(), Arch::Amd64, Err(ElfError::NotElf)),
            (Vec::new(), Arch::Amd64, Err(ElfError::NotElf)),
        ] {
            assert_eq!(check(&header, arch), expected, "{header:?}");
        }
    }
}
