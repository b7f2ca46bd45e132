//! A fake of systemd: starts the program, and stores its sockets.

use landfall_fixtures::ReleaseFixture;
use landfall_keys::{SecretKey, TrustRoot};
use rustix::io::{FdFlags, retry_on_intr};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::collections::BTreeMap;
use std::fs;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Above the descriptors that the tests open.
const FIRST_COPY: RawFd = 500;

/// Held while descriptors from [`FIRST_COPY`] on are taken.
static NUMBERS: Mutex<()> = Mutex::new(());

/// The notifications and sockets that the program sent.
pub(crate) struct FakeSystemd {
    pub(crate) folder: TempDir,
    notify: UnixDatagram,
    pub(crate) stored: BTreeMap<String, OwnedFd>,
    pub(crate) port: u16,
}

impl FakeSystemd {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let notify = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        notify.set_read_timeout(Some(Duration::from_mins(5))).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        install(folder.path(), port);
        Self { folder, notify, stored: BTreeMap::new(), port }
    }

    /// A connection to the API.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    /// Starts the program with the stored sockets, and returns when it is ready.
    pub(crate) fn start(&mut self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.arg("--root").arg(self.folder.path()).arg("serve").stderr(Stdio::piped());
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
        let stored = std::mem::take(&mut self.stored);
        // The program is told the first number, so that the numbers must be consecutive: no other test takes one between.
        let numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        let copies: Vec<_> =
            stored.values().map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, FIRST_COPY).unwrap()).collect();
        if let Some(first) = copies.first() {
            for (number, copy) in (first.as_raw_fd()..).zip(&copies) {
                assert_eq!(copy.as_raw_fd(), number);
                rustix::io::fcntl_setfd(copy, FdFlags::empty()).unwrap();
            }
            let names: Vec<_> = stored.keys().map(String::as_str).collect();
            command.env("LISTEN_FDS", copies.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
            command.env("LISTEN_FDS_FIRST_FD", first.as_raw_fd().to_string());
        }
        let child = command.spawn().unwrap();
        drop(copies);
        drop(numbers);
        self.stored = stored;
        while !self.receive().contains("READY=1") {}
        child
    }

    /// Receives one notification with its sockets.
    fn receive(&mut self) -> String {
        let mut text = [0; 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        // A signal ends the call of a socket with a time limit, whatever its handler says (signal(7)).
        let received = retry_on_intr(|| {
            recvmsg(self.notify.as_fd(), &mut [IoSliceMut::new(&mut text)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        });
        let length = received.unwrap_or_else(|error| panic!("the program sends no notification: {error}")).bytes;
        let text = String::from_utf8(text[..length].to_vec()).unwrap();
        let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap_or_default().to_owned();
        if text.contains("FDSTORE=1") {
            for message in ancillary.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    self.stored.extend(descriptors.map(|descriptor| (name.clone(), descriptor)));
                }
            }
        }
        if text.contains("FDSTOREREMOVE=1") {
            self.stored.remove(&name);
        }
        text
    }
}

/// A host with an empty release, an admin token, an installation's id, and no engine.
fn install(root: &Path, port: u16) {
    let key = SecretKey::generate().unwrap();
    let signed = ReleaseFixture::new("1.0.0", 1).signed(std::slice::from_ref(&key));
    let (current, etc) = (root.join("opt/landfall/current"), root.join("etc/landfall"));
    let state = root.join("var/lib/landfall/state");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("installation-id"), "0".repeat(32)).unwrap();
    fs::create_dir_all(&current).unwrap();
    fs::create_dir_all(&etc).unwrap();
    fs::write(current.join("landfall.json"), signed.bytes()).unwrap();
    let signature = &signed.signatures()[0];
    fs::write(current.join(format!("landfall.json.{}.minisig", signature.key_id())), signature.to_file()).unwrap();
    for path in [etc.join("trust.json"), current.join("landfall.json.trust")] {
        fs::write(path, TrustRoot::first(vec![key.public_key()], 1).unwrap().to_json()).unwrap();
    }
    let token = etc.join("admin.token");
    fs::write(&token, format!("sk_admin_{}\n", "0".repeat(64))).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let socket = root.join("no-engine.sock");
    let text =
        format!("[api]\naddress = \"127.0.0.1\"\nport = {port}\n[engine]\nsocket = \"unix://{}\"\n", socket.display());
    fs::write(etc.join("config.toml"), text).unwrap();
}
