//! The bundler with a person at the terminal.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

/// A bundler that runs in a terminal. What it never says, it is waited for until the tests as a whole are ended.
pub(crate) struct Terminal {
    process: Child,
    person: File,
    shown: String,
}

impl Terminal {
    pub(crate) fn start(command: &mut Command) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        let input = Stdio::from(terminal.try_clone().unwrap());
        let process = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::from(terminal)).spawn().unwrap();
        // The command's own copy of the terminal would keep it open.
        command.stdin(Stdio::null()).stderr(Stdio::null());
        Self { process, person: person.into(), shown: String::new() }
    }

    /// Waits for the question with `text` in it, and types.
    #[track_caller]
    pub(crate) fn answers(&mut self, text: &str, answer: &str) {
        while !self.shown.contains(text) {
            assert!(self.read(), "{text:?} is not in:\n{}", self.shown);
        }
        let end = self.shown.find(text).unwrap() + text.len();
        self.shown.drain(..end);
        self.person.write_all(answer.as_bytes()).unwrap();
    }

    /// Waits for its end; what it said since the last question.
    #[track_caller]
    pub(crate) fn ends(mut self, exit: i32) -> String {
        while self.read() {}
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), Some(exit), "{}", self.shown);
        self.shown
    }

    /// Takes in what is shown next; `false` when the bundler has ended.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // The last one to close the terminal makes reading from it fail.
        let Ok(read) = self.person.read(&mut buffer) else { return false };
        self.shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
        read > 0
    }
}
