//! The installer with a person at the terminal.

use crate::fixture::Scene;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the installer may take until it says what it has to.
const TIMEOUT: Duration = Duration::from_mins(5);

/// An installer that runs in a terminal.
pub(crate) struct Terminal {
    process: Child,
    person: File,
    shown: String,
}

impl Terminal {
    /// Starts the installer on the scene's host.
    pub(crate) fn start(scene: &Scene, words: &[&str]) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        let installer = scene.command(words);
        // Also where the tests themselves run in the background, which has a shell ignore Ctrl-C for them.
        let process = Command::new("env")
            .arg("--default-signal=INT")
            .arg(installer.get_program())
            .args(installer.get_args())
            .stdin(Stdio::from(terminal.try_clone().unwrap()))
            .stdout(Stdio::null())
            .stderr(Stdio::from(terminal))
            .spawn()
            .unwrap();
        Self { process, person: person.into(), shown: String::new() }
    }

    /// Waits until `text` is shown; what was shown up to there is not looked at again.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            assert!(self.read() && Instant::now() < end, "{text:?} is not in:\n{}", self.shown);
        }
    }

    /// Types.
    pub(crate) fn types(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).unwrap();
    }

    /// Does what Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.process), Signal::INT).unwrap();
    }

    /// The files below `folder` that the installer has open.
    pub(crate) fn open_below(&self, folder: &Path) -> Vec<String> {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap();
        let open = descriptors.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        open.filter(|path| path.starts_with(folder)).map(|path| path.display().to_string()).collect()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends(mut self, exit: i32) {
        while self.read() {}
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), Some(exit), "{}", self.shown);
    }

    /// Takes in what is shown next; `false` when the installer has ended.
    fn read(&mut self) -> bool {
        let wait = Timespec::try_from(TIMEOUT).unwrap();
        assert_ne!(poll(&mut [PollFd::new(&self.person, PollFlags::IN)], Some(&wait)), Ok(0), "{}", self.shown);
        let mut buffer = [0; 4096];
        // The last one to close the terminal makes reading from it fail.
        let Ok(read) = self.person.read(&mut buffer) else { return false };
        self.shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
        read > 0
    }
}
