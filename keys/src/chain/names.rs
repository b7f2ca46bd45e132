//! The names of the files in which a publisher keeps roots and the signatures over them.

use crate::key_id::KeyId;

/// What follows the version in the name of a root's file.
const ROOT: &str = ".root.json";

/// What a signature file's name ends with, as minisign names them.
const SIGNATURE: &str = ".minisig";

/// The file that holds version `version`: `3.root.json`.
pub fn root_file_name(version: u32) -> String {
    format!("{version}{ROOT}")
}

/// The file beside it that holds the signature by the key `id`: `3.root.json.0123456789ABCDEF.minisig`.
pub fn signature_file_name(version: u32, id: KeyId) -> String {
    format!("{version}{ROOT}.{id}{SIGNATURE}")
}

/// The version that a root's file name names, if it is the name of one.
pub fn root_version(name: &str) -> Option<u32> {
    version(name.strip_suffix(ROOT)?)
}

/// The version over which a file of this name holds a signature. The text between the root's name
/// and the end is free: `3.root.json.minisig`, as `minisign -S` names it, will do.
pub fn signed_root_version(name: &str) -> Option<u32> {
    let (number, rest) = name.split_once(ROOT)?;
    let key = rest.strip_suffix(SIGNATURE)?;
    (key.is_empty() || key.starts_with('.')).then(|| version(number)).flatten()
}

/// A number from 1 up, in the one way in which it is written.
fn version(digits: &str) -> Option<u32> {
    let version = digits.parse().ok().filter(|&version: &u32| version > 0)?;
    // `03` and `+3` parse as 3 too: two files could then hold one version.
    (version.to_string() == digits).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_names_that_it_gives_and_those_of_minisign() {
        let id = KeyId::from_bytes([0xAB; 8]);
        assert_eq!(root_file_name(12), "12.root.json");
        assert_eq!(signature_file_name(12, id), "12.root.json.ABABABABABABABAB.minisig");
        let table = [
            ("12.root.json", Some(12), None),
            ("12.root.json.ABABABABABABABAB.minisig", None, Some(12)),
            ("12.root.json.minisig", None, Some(12)),
            ("12.root.json.anna.minisig", None, Some(12)),
            ("12.root.jsonx.minisig", None, None),
            ("012.root.json", None, None),
            ("+1.root.json", None, None),
            ("0.root.json", None, None),
            ("4294967296.root.json", None, None),
            (".root.json", None, None),
            ("root.json", None, None),
            ("1.root.json~", None, None),
            ("a.1.root.json.minisig", None, None),
        ];
        for (name, root, signature) in table {
            assert_eq!((root_version(name), signed_root_version(name)), (root, signature), "{name}");
        }
    }
}
