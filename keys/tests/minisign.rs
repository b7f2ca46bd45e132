//! The formats, checked with the real `minisign` (0.11, Debian's package `minisign`), both ways.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};

use landfall_keys::{
    KeyError, Protection, PublicKey, RootChanges, RootFiles, SecretKey, SecretKeyFile, Signature, SignatureError,
    TrustError, TrustRoot, TrustedKeys, root_file_name, signature_file_name,
};
use tempfile::TempDir;

const MESSAGE: &[u8] = b"{\"schema\": 1, \"product\": \"acme\"}\n";
const COMMENT: &str = "product=acme version=1.4.0 serial=12";
const PASSWORD: &str = "correct horse battery staple";

/// A folder with the message in it, in which minisign runs.
struct Workspace(TempDir);

impl Workspace {
    fn new() -> Self {
        let workspace = Self(tempfile::tempdir().unwrap());
        workspace.write("message", MESSAGE);
        workspace
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// Runs minisign with `stdin`, from which it reads its passwords where that is no terminal.
    fn run(&self, args: &[&str], stdin: &str) -> Output {
        let mut command = Command::new("minisign");
        command.args(args).current_dir(self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut minisign = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("minisign is not installed: this test needs Debian's package minisign")
            }
            Err(error) => panic!("minisign does not start: {error}"),
        };
        // minisign closes its end early when it needs no password.
        let _ = minisign.stdin.take().unwrap().write_all(stdin.as_bytes());
        minisign.wait_with_output().unwrap()
    }

    /// The same for what must succeed. Returns what minisign printed.
    fn minisign(&self, args: &[&str], stdin: &str) -> String {
        let output = self.run(args, stdin);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "minisign {args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The key in the public-key file that minisign wrote, once our way of writing it is known to be the same.
    fn public_key(&self) -> PublicKey {
        let file = self.read("public.key");
        let key = PublicKey::parse_file(&file).unwrap();
        // minisign 0.11 leaves out the leading zeros of an id, later versions do not.
        let id = key.id().to_string();
        let short = key.to_file().replace(&id, id.trim_start_matches('0'));
        assert!(file == key.to_file() || file == short, "{file}");
        key
    }

    /// The signature that minisign makes with `secret.key`.
    fn sign(&self, args: &[&str], stdin: &str) -> Vec<u8> {
        self.minisign(&[&["-S", "-s", "secret.key", "-m", "message", "-x", "signature"], args].concat(), stdin);
        self.read("signature").into_bytes()
    }

    /// Whether minisign accepts `signature` for the message, with the public key line `key`.
    fn accepts(&self, key: &PublicKey, signature: &str) -> bool {
        self.write("signature", signature.as_bytes());
        self.run(&["-V", "-H", "-P", &key.to_line(), "-m", "message", "-x", "signature"], "").status.success()
    }
}

fn trusted(key: PublicKey) -> TrustedKeys {
    TrustedKeys::new(vec![key], 1).unwrap()
}

/// What needs the real minisign besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn minisign_verifies_our_signatures() {
        let workspace = Workspace::new();
        let key = SecretKey::generate().unwrap();
        workspace.write("public.key", key.public_key().to_file().as_bytes());
        workspace.write("signature", key.sign(MESSAGE, COMMENT).unwrap().to_file().as_bytes());
        let printed =
            workspace.minisign(&["-V", "-Q", "-H", "-p", "public.key", "-m", "message", "-x", "signature"], "");
        assert_eq!(printed, format!("{COMMENT}\n"));
    }

    #[test]
    fn minisign_and_we_agree_on_signatures_that_were_tampered_with() {
        let workspace = Workspace::new();
        let key = SecretKey::generate().unwrap();
        let good = key.sign(MESSAGE, COMMENT).unwrap().to_file();
        let cut = good.find("trusted comment: product").unwrap();
        let other = key.sign(b"another message", COMMENT).unwrap().to_file();
        let table = [
            (good.clone(), true),
            (good.replace("untrusted comment: signature", "untrusted comment: any"), true),
            (good.replace('\n', "\r\n"), true),
            (good.replace("serial=12", "serial=13"), false),
            (other, false),
            (good.replace("RU", "RW"), false),
            (good[..cut].to_owned(), false),
            (good.replace("trusted comment: product", "trusted: product"), false),
            (good.replace("serial=12", "serial=12\u{1b}[2J"), false),
        ];
        for (file, expected) in table {
            let ours = Signature::parse(file.as_bytes())
                .is_ok_and(|signature| trusted(key.public_key()).verify(MESSAGE.to_vec(), &[signature]).is_ok());
            assert_eq!(ours, expected, "ours: {file:?}");
            assert_eq!(workspace.accepts(&key.public_key(), &file), expected, "minisign's: {file:?}");
        }
    }

    #[test]
    fn minisign_signs_with_our_unprotected_key_as_we_do() {
        let workspace = Workspace::new();
        let key = SecretKey::generate().unwrap();
        workspace.write("secret.key", key.to_file(Protection::None).unwrap().as_bytes());
        let signature = workspace.sign(&["-t", COMMENT], "");
        assert_eq!(String::from_utf8(signature).unwrap(), key.sign(MESSAGE, COMMENT).unwrap().to_file());
        workspace.minisign(&["-R", "-s", "secret.key", "-p", "public.key"], "");
        assert_eq!(workspace.public_key(), key.public_key());
    }

    #[test]
    fn we_verify_what_minisign_signs_with_its_unprotected_key_and_use_that_key() {
        let workspace = Workspace::new();
        workspace.minisign(&["-G", "-W", "-p", "public.key", "-s", "secret.key"], "");
        let public = workspace.public_key();

        // minisign's own choice of comment, with a time and tabs in it.
        let signature = Signature::parse_canonical(&workspace.sign(&[], "")).unwrap();
        assert_eq!(signature.key_id(), public.id());
        let verified = trusted(public).verify(MESSAGE.to_vec(), std::slice::from_ref(&signature)).unwrap();
        let [signer] = verified.signers() else { panic!("{verified:?}") };
        assert!(signer.trusted_comment().ends_with("\tfile:message\thashed"), "{signer:?}");
        let refused = trusted(public).verify(b"another message".to_vec(), &[signature]);
        assert_eq!(refused, Err(TrustError::BadSignature { key_id: public.id() }));

        let file = SecretKeyFile::parse(&workspace.read("secret.key")).unwrap();
        assert!(!file.needs_password());
        let key = file.unlock(None).unwrap();
        assert_eq!(key.public_key(), public);
        assert!(workspace.accepts(&public, &key.sign(MESSAGE, COMMENT).unwrap().to_file()));
    }

    /// As two people do it: one signs the next root with minisign, the other with us, and each checks the other.
    #[test]
    fn minisign_and_we_sign_one_trust_root_together() {
        let workspace = Workspace::new();
        workspace.minisign(&["-G", "-W", "-p", "public.key", "-s", "secret.key"], "");
        let (theirs, ours) = (workspace.public_key(), SecretKey::generate().unwrap());
        let first = TrustRoot::first(vec![theirs, ours.public_key()], 2).unwrap();
        let third = SecretKey::generate().unwrap().public_key();
        let next = first.next(&RootChanges { add: vec![third], ..RootChanges::default() }).unwrap();
        let root = root_file_name(2);
        workspace.write(&root, next.to_json().as_bytes());
        workspace.minisign(&["-S", "-s", "secret.key", "-m", &root, "-c", "a comment of their own"], "");
        let own = signature_file_name(2, ours.id());
        workspace
            .write(&own, ours.sign(next.to_json().as_bytes(), "trust root version=2").unwrap().to_file().as_bytes());
        workspace.minisign(&["-V", "-H", "-P", &ours.public_key().to_line(), "-m", &root, "-x", &own], "");

        let mut files = RootFiles::new();
        for name in [&root, &own] {
            files.add(name, workspace.read(name));
        }
        let alone = first.follow(&files.into_links().unwrap()).unwrap_err();
        assert!(alone.to_string().contains("not signed by enough keys"), "{alone}");
        let mut files = RootFiles::new();
        for name in [&root, &own, &format!("{root}.minisig")] {
            files.add(name, workspace.read(name));
        }
        assert_eq!(first.follow(&files.into_links().unwrap()).unwrap(), next);
    }

    #[test]
    fn refuses_minisigns_legacy_signatures() {
        let workspace = Workspace::new();
        let key = SecretKey::generate().unwrap();
        workspace.write("secret.key", key.to_file(Protection::None).unwrap().as_bytes());
        let refused = Signature::parse(&workspace.sign(&["-l"], ""));
        assert_eq!(refused, Err(SignatureError::Legacy { key_id: key.id() }));
    }

    /// Runs scrypt over 1 GiB, as the next test does: once each by minisign and twice here.
    #[test]
    fn we_open_minisigns_protected_key_with_its_password_alone() {
        let workspace = Workspace::new();
        let twice = format!("{PASSWORD}\n{PASSWORD}\n");
        workspace.minisign(&["-G", "-p", "public.key", "-s", "secret.key"], &twice);
        let file = SecretKeyFile::parse(&workspace.read("secret.key")).unwrap();
        assert!(file.needs_password());
        assert!(matches!(file.unlock(None), Err(KeyError::PasswordNeeded)));
        assert!(matches!(file.unlock(Some(b"wrong")), Err(KeyError::WrongPassword)));
        let key = file.unlock(Some(PASSWORD.as_bytes())).unwrap();
        assert_eq!(key.public_key(), workspace.public_key());
        assert!(workspace.accepts(&key.public_key(), &key.sign(MESSAGE, COMMENT).unwrap().to_file()));
    }

    /// `minisign -C -W` takes the protection off and leaves salt, limits and checksum behind.
    #[test]
    fn minisign_opens_our_protected_key_and_we_read_it_unprotected_again() {
        let workspace = Workspace::new();
        let key = SecretKey::generate().unwrap();
        let file = key.to_file(Protection::Password(PASSWORD.as_bytes())).unwrap();
        workspace.write("secret.key", file.as_bytes());
        workspace.minisign(&["-C", "-W", "-s", "secret.key"], &format!("{PASSWORD}\n"));
        let signature = workspace.sign(&["-t", COMMENT], "");
        assert_eq!(String::from_utf8(signature).unwrap(), key.sign(MESSAGE, COMMENT).unwrap().to_file());
        let opened = SecretKeyFile::parse(&workspace.read("secret.key")).unwrap().unlock(None).unwrap();
        assert_eq!(opened.public_key(), key.public_key());
    }
}
